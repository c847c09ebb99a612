"""`train.patience`: when a training ends early, what it tests and says then, and how it is trained on."""

import json
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

# The steps are so small that no validation image changes its class: the first epoch stays the best.
WORDS = ["--config", "small.yaml", "optimizer.lr=1e-12", "train.epochs=5", "log.images_every=0", "log.mistakes=0"]
PATIENT = [*WORDS, "train.patience=2"]


def read_summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


def checkpoint_of(run: Path, which: str = "last") -> dict[str, Any]:
    contents: dict[str, Any] = torch.load(run / "checkpoints" / f"{which}.pt", weights_only=True)
    contents["totals"].pop("seconds")
    return contents


def assert_same(run: Path, expected: Path) -> None:
    found, twin = checkpoint_of(run), checkpoint_of(expected)
    for section in ("model", "random", "progress", "scheduler"):
        assert str(found[section]) == str(twin[section])
        if section == "model":
            assert all(torch.equal(found[section][name], weights) for name, weights in twin[section].items())
    assert read_summary(run)["test"] == read_summary(expected)["test"]


@pytest.fixture(scope="module")
def early(
    cifar_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, trained: tuple[Path, Any]
) -> tuple[Path, Any]:
    """The folder of a run that stopped early, read-only by agreement, and the outcome of its training."""
    folder = tmp_path_factory.mktemp("early")
    (folder / "small.yaml").write_text((trained[0].parents[1] / "small.yaml").read_text())
    outcome = cifar_in(folder, "train", *PATIENT)
    assert outcome.code == 0, outcome.err
    (run,) = (folder / "logs").iterdir()
    return run, outcome


def test_it_ends_after_so_many_epochs_without_a_better_accuracy_and_says_so(early: tuple[Path, Any]) -> None:
    run, outcome = early
    summary = read_summary(run)
    assert [summary[key] for key in ("status", "epochs", "best_epoch", "stopped_early")] == ["completed", 3, 1, True]
    assert "stops early after 2 epochs without a better validation accuracy" in outcome.err
    assert (
        "stopped early after epoch 3 of 5, without a better validation accuracy since epoch 1 (train.patience 2)"
        in outcome.err.splitlines()
    )
    title = [line.strip() for line in outcome.out.splitlines()[1:3]]
    assert title == ["epoch 1, the best on validation", "stopped early after epoch 3"]


def test_the_test_is_that_of_the_best_epochs_weights(early: tuple[Path, Any], cifar: Callable[..., Any]) -> None:
    run, _ = early
    best = run / "checkpoints" / "best.pt"
    assert checkpoint_of(run, "best")["progress"]["epoch"] == 1
    measured = json.loads(cifar("eval", best, "--json").out)
    assert (measured["accuracy"], measured["loss"]) == tuple(read_summary(run)["test"][k] for k in ("accuracy", "loss"))


def test_a_run_that_stopped_early_is_not_resumed_but_told_how(
    early: tuple[Path, Any], cifar: Callable[..., Any]
) -> None:
    run, _ = early
    for words in ([], ["train.epochs=5"], ["train.patience=1"]):
        outcome = cifar("train", "--resume", run, *words)
        assert outcome.code == 2
        patience = 1 if "train.patience=1" in words else 2
        assert outcome.err == (
            f"error: {run}: expected an unfinished run, found one that stopped early after epoch 3 of 5, without a "
            f"better validation accuracy since epoch 1 (train.patience {patience}); give it a larger patience, or "
            f"train it to its end with: cifar train --resume {run} train.patience=null\n"
        )


def test_with_more_patience_and_without_any_it_goes_on_as_if_it_had_never_ended(
    early: tuple[Path, Any], cifar: Callable[..., Any], tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    assert cifar("train", *PATIENT, "name=first").code == 0
    (first,) = (tmp_path / "logs").iterdir()
    assert_same(first, early[0])
    longer = cifar("train", "--resume", first, "train.patience=3")
    assert longer.code == 0, longer.err
    assert [read_summary(first)[key] for key in ("epochs", "stopped_early")] == [4, True]
    assert cifar("train", "--resume", first, "train.patience=null").code == 0
    assert "stopped_early" not in read_summary(first)

    assert cifar("train", *WORDS, "name=never").code == 0
    (never,) = (tmp_path / "logs").glob("never-*")
    assert_same(first, never)


def test_an_interrupted_run_still_counts_the_epochs_from_before(
    early: tuple[Path, Any], cifar: Callable[..., Any], tmp_path: Path, at_step: Callable[..., Any]
) -> None:
    with at_step(24, lambda state: signal.raise_signal(signal.SIGINT)):  # in the third epoch of ten steps
        assert cifar("train", *PATIENT).code == 130
    (run,) = (tmp_path / "logs").iterdir()
    assert read_summary(run)["stopped_early"] is False
    assert cifar("train", "--resume", run).code == 0
    assert_same(run, early[0])


@pytest.mark.parametrize("is_lost", [False, True], ids=["with best.pt", "without best.pt"])
def test_a_run_killed_before_its_test_is_tested_or_trains_for_a_new_best_epoch(
    early: tuple[Path, Any], cifar: Callable[..., Any], tmp_path: Path, is_lost: bool
) -> None:
    run = Path(shutil.copytree(early[0], tmp_path / "logs" / early[0].name))
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "running", "test": None}))
    if is_lost:
        (run / "checkpoints" / "best.pt").unlink()
    resumed = cifar("train", "--resume", run)
    assert resumed.code == 0, resumed.err
    summary = read_summary(run)
    assert (summary["status"], summary["stopped_early"]) == ("completed", not is_lost)
    # Without best.pt, epoch 4 is the best since, and epoch 5 the last of all.
    assert (summary["epochs"], summary["best_epoch"]) == ((5, 4) if is_lost else (3, 1))
    assert ("the best epoch is chosen anew, among the epochs from now on" in resumed.err) == is_lost


def test_each_seed_of_a_group_stops_by_itself(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("train", *PATIENT, "train.epochs=4", "--seeds", "2")
    assert outcome.code == 0, outcome.err
    (group,) = (tmp_path / "logs").glob("*-seeds-*")
    summary = read_summary(group)
    assert [(run["status"], run["epochs"], run["stopped_early"]) for run in summary["runs"]] == [
        ("completed", 3, True)
    ] * 2
    assert summary["test"]["n"] == 2


def test_without_validation_images_it_is_a_mistake_of_the_configuration(cifar: Callable[..., Any]) -> None:
    outcome = cifar("config", "validate", "small.yaml", "data.val_size=0", "train.patience=3")
    assert outcome.code == 2
    assert outcome.err == (
        "error:\ncommand line: train.patience: expected images held out for validation, which it waits on, found "
        "data.val_size 0; write null, or hold out some images: data.val_size=5000\n"
    )


def test_a_patience_that_cannot_end_a_training_is_warned_of(cifar: Callable[..., Any]) -> None:
    outcome = cifar("config", "validate", "small.yaml", "train.patience=4", "train.epochs=5")
    assert outcome.code == 0
    assert outcome.err == (
        "warning: small.yaml: train.patience: 4 epochs without improvement cannot pass before the end of a training "
        "of 5 epochs: it never ends early\n"
    )
    assert cifar("config", "validate", "small.yaml", "train.patience=3", "train.epochs=5").err == ""
