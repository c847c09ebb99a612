"""A configuration from standard input or another pipe, which can be read only once."""

import io
import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.config import dump, load

LAYER = "model: {layers: [{conv1: {type: Conv2d, out_channels: 2, kernel_size: 3}}]}\ndata: {name: synthetic}\n"


@pytest.fixture
def small(tmp_path: Path, cifar: Callable[..., Any]) -> str:
    """The text of small.yaml, whose file is removed."""
    path = tmp_path / "small.yaml"
    text = path.read_text().replace("epochs: 2", "epochs: 1")
    path.unlink()
    return text


@pytest.fixture(params=["stdin", "pipe"])
def piped(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], str]:
    """Returns a function that puts a text where it can be read once, and returns the word that names it."""

    def pipe(text: str) -> str:
        if request.param == "stdin":
            monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(text.encode())))
            return "-"
        reading, writing = os.pipe()
        os.write(writing, text.encode())
        os.close(writing)
        request.addfinalizer(lambda: os.close(reading))
        return f"/dev/fd/{reading}"

    return pipe


def test_train_takes_it_and_writes_it_to_the_run_folder(
    piped: Callable[[str], str], small: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar("train", "--config", piped(small), "seed=3")
    assert outcome.code == 0, outcome.err
    (run,) = (tmp_path / "logs").iterdir()
    (tmp_path / "small.yaml").write_text(small)
    assert (run / "config.yaml").read_text() == dump(load(tmp_path / "small.yaml", ["seed=3"]))
    assert outcome.err.endswith(f"next: cifar eval logs/{run.name}\n")


def test_train_takes_it_for_several_seeds(
    piped: Callable[[str], str], small: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar("train", "--config", piped(small), "--seeds", "2")
    assert outcome.code == 0, outcome.err
    assert len(list((tmp_path / "logs").glob("*/config.yaml"))) == 2


def test_a_command_that_would_read_it_again_names_a_file(
    piped: Callable[[str], str], small: str, cifar: Callable[..., Any]
) -> None:
    outcome = cifar("train", "--config", piped(small), "--dry-run", "seed=3")
    assert outcome.code == 0, outcome.err
    assert outcome.err.endswith("next: cifar train --config FILE seed=3\n")


@pytest.mark.parametrize(
    ("words", "following"),
    [
        (("eval", "--json", "--config"), "cifar visualize-layer conv1 --config FILE"),
        (("visualize-layer", "conv1", "--config"), "tensorboard --logdir logs"),
        (("explain", "--json", "--config"), "cifar explain --config FILE --layer conv1"),
        (("explain", "--json"), "cifar explain --config FILE --layer conv1"),
        (("benchmark", "--json", "--seconds", 1, "--rounds", 2), "cifar train --config FILE"),
    ],
    ids=lambda value: " ".join(map(str, value[:2])) if isinstance(value, tuple) else "",
)
@pytest.mark.usefixtures("short_benchmarks", "reference_here")
def test_every_command_that_takes_a_configuration_takes_it(
    words: tuple[object, ...], following: str, piped: Callable[[str], str], small: str, cifar: Callable[..., Any]
) -> None:
    outcome = cifar(*words, piped(small))
    assert outcome.code == 0, outcome.err
    assert outcome.err.endswith(f"next: {following}\n")
    if "--json" in words:
        assert json.loads(outcome.out)


def test_show_copy_and_validate_take_it(
    piped: Callable[[str], str], small: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    shown = cifar("config", "show", piped(small))
    (tmp_path / "again.yaml").write_text(shown.out)
    assert load(tmp_path / "again.yaml").name == "small"
    word = piped(small)
    place = "<stdin>" if word == "-" else word
    assert cifar("config", "validate", word).out == f"ok: {place}\n"
    assert cifar("config", "copy", piped(small), "mine.yaml").err == "next: cifar train --config mine.yaml\n"
    assert (tmp_path / "mine.yaml").read_text() == small
    assert cifar("config", "copy", piped(small)).out == "wrote experiment.yaml\n"


def test_without_a_name_of_its_own_it_is_an_experiment(piped: Callable[[str], str], cifar: Callable[..., Any]) -> None:
    assert "\nname: experiment\n" in f"\n{cifar('config', 'show', piped(LAYER)).out}"


def test_a_mistake_in_it_is_reported_with_its_line(piped: Callable[[str], str], cifar: Callable[..., Any]) -> None:
    word = piped("model: {name: mlp}\nseed: x\n")
    outcome = cifar("train", "--config", word)
    assert outcome.code == 2
    place = "<stdin>" if word == "-" else word
    assert outcome.err.startswith(f"error:\n{place}:2:7: seed: expected a whole number")


def test_closed_standard_input_is_an_error(cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "stdin", None)
    outcome = cifar("config", "show", "-")
    assert (outcome.code, outcome.err) == (2, "error: <stdin>: cannot be read: there is no standard input\n")


def test_several_processes_refuse_to_share_it(
    piped: Callable[[str], str], small: str, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "0")
    word = piped(small)
    outcome = cifar("train", "--config", word)
    assert (outcome.code, outcome.err) == (
        2,
        f"error: cifar train --config {word}: expected a FILE or a NAME, as every process of torchrun reads the "
        f"configuration, found a pipe, which can be read once; write it to a file: cifar config copy {word} FILE\n",
    )
    # The pipe is still unread, so that the suggested command works.
    assert cifar("config", "copy", word, "mine.yaml").code == 0


def test_bashs_process_substitution_is_such_a_pipe(tmp_path: Path) -> None:
    script = f"{sys.executable} -m cifar_cli config show <(echo 'model: {{name: mlp}}') seed=3"
    answer = subprocess.run(
        ["bash", "-c", script], cwd=tmp_path, capture_output=True, text=True, timeout=60, check=True
    )
    assert "seed: 3" in answer.stdout.splitlines()
