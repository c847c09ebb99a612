"""`cifar train --from`: a training that begins with given weights, alone, with several seeds, and resumed."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli.runs.checkpoint import load_checkpoint

# A step is too small to change a number in fp32: what a run ends with is what it began with.
STILL = ("train.epochs=1", "optimizer.lr=1e-30", "optimizer.momentum=0")


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = load_checkpoint(run / "checkpoints" / "last.pt")["model"]
    return weights


def same(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def best_of(run: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = load_checkpoint(run / "checkpoints" / "best.pt")["model"]
    return weights


def new_runs(folder: Path, *known: Path) -> list[Path]:
    return sorted(path for path in (folder / "logs").iterdir() if path not in known)


def test_a_run_begins_with_the_weights_and_is_resumed_without_the_file(
    run: Path, tmp_path: Path, cifar: Callable[..., Any]
) -> None:
    shutil.copy(run / "checkpoints" / "best.pt", tmp_path / "given.pt")
    keys = ("optimizer.lr=0.001", "schedule.name=constant")
    outcome = cifar("train", "--config", "small.yaml", "--from", "given.pt", "train.epochs=1", *keys)
    assert outcome.code == 0
    assert "--from given.pt: took 4 of 4 tensors, 5,354 of 5,354 parameters" in outcome.err
    (new,) = new_runs(tmp_path, run)
    recorded = json.loads((new / "env.json").read_text())["from"]
    assert (recorded["path"], recorded["tensors"]) == (str(tmp_path / "given.pt"), 4)
    assert len(recorded["sha256"]) == 64
    first = weights_of(new)
    (tmp_path / "given.pt").unlink()
    assert cifar("train", "--resume", new.name, "train.epochs=2").code == 0
    assert not same(first, weights_of(new))
    assert json.loads((new / "env.json").read_text())["from"] == recorded


def test_every_seed_begins_with_them_and_a_resumed_group_needs_no_file(
    run: Path, tmp_path: Path, cifar: Callable[..., Any]
) -> None:
    given = tmp_path / "given.pt"
    shutil.copy(run / "checkpoints" / "best.pt", given)
    assert cifar("train", "--config", "small.yaml", "--from", given, "--seeds", "2", *STILL).code == 0
    (group,) = (path for path in new_runs(tmp_path, run) if (path / "group.yaml").is_file())
    seeds = [path for path in new_runs(tmp_path, run) if path != group]
    assert [same(weights_of(path), best_of(run)) for path in seeds] == [True, True]
    assert json.loads((group / "env.json").read_text())["from"]["path"] == str(given)
    # As after a kill before the second seed: its run is not there, and the group does not know it.
    shutil.rmtree(seeds[1])
    summary = json.loads((group / "summary.json").read_text())
    summary["runs"][1] |= {"run": None, "status": "waiting"}
    (group / "summary.json").write_text(json.dumps({**summary, "status": "interrupted"}))
    given.unlink()
    outcome = cifar("train", "--resume", group.name)
    assert outcome.code == 0, outcome.err
    (again,) = new_runs(tmp_path, run, group, seeds[0])
    assert same(weights_of(again), best_of(run))


@pytest.mark.parametrize("named", ["run", "pretrained"])
@pytest.mark.usefixtures("pretrained")
def test_a_run_and_the_network_that_comes_along_are_named_by_a_word(
    named: str, run: Path, tmp_path: Path, cifar: Callable[..., Any]
) -> None:
    word = run.name if named == "run" else "pretrained"
    assert cifar("train", "--config", "small.yaml", "--from", word, *STILL).code == 0
    (new,) = new_runs(tmp_path, run)
    expected = {name: it if named == "run" else it.half().float() for name, it in best_of(run).items()}
    assert same(weights_of(new), expected)


def test_frozen_layers_keep_the_given_weights(run: Path, tmp_path: Path, cifar: Callable[..., Any]) -> None:
    words = ("train.epochs=1", "train.freeze=[conv1.*]", "seed=5")
    assert cifar("train", "--config", "small.yaml", "--from", run, *words).code == 0
    (new,) = new_runs(tmp_path, run)
    assert torch.equal(weights_of(new)["conv1.weight"], best_of(run)["conv1.weight"])
    assert not torch.equal(weights_of(new)["fc1.weight"], best_of(run)["fc1.weight"])


def test_a_dry_run_says_what_fits_and_names_the_whole_command(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--config", "small.yaml", "--from", run.name, "--dry-run")
    assert outcome.code == 0
    assert "took 4 of 4 tensors" in outcome.err
    assert f"--from logs/{run.name}/checkpoints/best.pt" in outcome.err + outcome.out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["--resume", "--from", "x.pt"],
            2,
            "cifar train --resume: expected no --from, since a run goes on with its own weights; leave --from out",
        ),
        (
            ["--config", "small.yaml", "--from", "absent.pt"],
            1,
            "--from absent.pt: expected a file with weights, a run or pretrained, found none of them; mend the path",
        ),
        (
            ["--config", "small.yaml", "--from", "small.yaml"],
            1,
            "small.yaml: expected a file with weights, found a conf",
        ),
    ],
)
def test_a_mistake_is_told_and_no_run_is_made(
    words: list[str], code: int, message: str, tmp_path: Path, cifar: Callable[..., Any]
) -> None:
    outcome = cifar("train", *words)
    assert outcome.code == code
    assert f"error: {message}" in outcome.err
    assert not (tmp_path / "logs").exists()
