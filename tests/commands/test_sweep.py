"""`cifar sweep` as it is typed: what it refuses before anything runs."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

LR = "optimizer.lr=log(1e-3,1)"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ([LR], "expected either --config FILE|NAME or --resume [SWEEP]; write for example cifar sweep --config cnn"),
        (["--config", "cnn", "--resume"], "expected either --config FILE|NAME or --resume [SWEEP]"),
        (["--config", "cnn", "optimizer.lr=0.1"], "expected at least one range to search, found none"),
        (
            ["--config", "cnn", LR, "--log-dir", "runs"],
            "cifar sweep --log-dir: a new run goes where log.dir says; write log.dir=runs",
        ),
        (["--config", "cnn", LR, "mine"], "expected key=range, found 'mine'"),
        (["--config", "cnn", "optimizer.lr=log(1e-3,", "1)"], "which the shell has cut; write it in quotes"),
        (["--config", "cnn", LR, "--timeout", "1d"], "--timeout: expected a time of more than 0 in seconds"),
        (["--config", "cnn", LR, "--timeout", "0"], "found '0'; write for example --timeout 30m, or 2h"),
        (["--config", "cnn", LR, "--sampler", "tpee"], "found 'tpee'; did you mean 'tpe'?"),
        (["--config", "cnn", LR, "--sampler", "grid"], "found a range of any numbers for optimizer.lr"),
        (["--config", "cnn", LR, "--seeds", "x"], "--seeds: expected a number of seeds or a list of seeds, found 'x'"),
        (
            ["--resume", "nothing"],
            "nothing: expected the folder of a sweep, or the name of one under logs, found neither",
        ),
        (["--resume", "x", "train.epochs=2"], "a sweep keeps what it searches, found train.epochs=2"),
        (["--resume", "--sampler", "tpe"], "a sweep keeps its --sampler and --pruner; leave them out"),
    ],
)
def test_a_wrong_command_line_is_told_before_anything_runs(
    words: list[str], message: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar("sweep", *words)
    assert outcome.code == 2, outcome.err
    assert message in outcome.err
    assert not (tmp_path / "logs").exists()


def test_without_optuna_it_says_how_to_install_it(cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cifar_cli.commands.sweep.find_spec", lambda name: None)
    outcome = cifar("sweep", "--config", "cnn", LR)
    assert (outcome.code, outcome.err) == (
        2,
        'error: cifar sweep: expected the library optuna, found none; install with: pip install "cifar-cli[sweep]", or '
        'in a checkout: pip install -e ".[sweep]"\n',
    )


def test_torchrun_is_refused(cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WORLD_SIZE", "4")
    outcome = cifar("sweep", "--config", "cnn", LR)
    assert outcome.code == 2
    assert "expected one process, found 4 of torchrun; leave torchrun out, and write --workers 4" in outcome.err


def test_no_sweep_to_resume_is_told(cifar: Callable[..., Any]) -> None:
    outcome = cifar("sweep", "--resume")
    assert outcome.code == 1
    assert "logs: expected an unfinished sweep, found none; name a finished one, or start one: cifar" in outcome.err


def test_the_help_shows_each_form_of_a_range(cifar: Callable[..., Any]) -> None:
    help_text = re.sub(r"[│\s]+", "", cifar("sweep", "--help").out)  # without the frame, in which words are wrapped
    for form in ("optimizer.lr=log(1e-3,1)", "uniform(0,0.2)", "int(0,4)", "data.batch_size=[64,128]"):
        assert f"'{form}'" in help_text
