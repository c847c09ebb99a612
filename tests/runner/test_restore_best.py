"""best.pt of a resumed run: of an epoch that the run has had, whatever was left behind in its place."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch


def read(run: Path, which: str) -> dict[str, Any]:
    return dict(torch.load(run / "checkpoints" / f"{which}.pt", weights_only=True))


def read_summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


def interrupt(run: Path, *, after: str, batches: int = 0, **progress: object) -> None:
    """Makes the run one that goes on `batches` after the checkpoint `after`, with these changes to its progress."""
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "interrupted", "test": None}))
    saved = read(run, after)
    saved["progress"].update(progress)
    saved["totals"]["batches"] = batches
    torch.save(saved, run / "checkpoints" / "last.pt")


@pytest.mark.parametrize("left", ["the epoch before", "nothing", "a part"])
def test_a_run_killed_between_its_two_checkpoints_gets_its_best_weights_back(
    run: Path, cifar: Callable[..., Any], left: str
) -> None:
    best = run / "checkpoints" / "best.pt"
    before = read_summary(run)
    assert before["best_epoch"] == before["epochs"] == 2
    interrupt(run, after="last")
    if left == "the epoch before":
        shutil.copy(run / "checkpoints" / "previous.pt", best)
    elif left == "nothing":
        best.unlink()
    else:
        best.write_bytes(best.read_bytes()[:1000])
    resumed = cifar("train", "--resume", run)
    assert resumed.code == 0, resumed.err
    assert "best.pt" not in resumed.err
    torch.testing.assert_close(read(run, "best")["model"], read(run, "last")["model"], rtol=0, atol=0)
    assert [read_summary(run)[key] for key in ("best_epoch", "test")] == [2, before["test"]]


def test_the_best_epoch_of_an_abandoned_training_is_not_taken_for_that_of_the_resumed_one(
    run: Path, cifar: Callable[..., Any]
) -> None:
    # best.pt is of epoch 2, as another training had it; this one has had only epoch 1, which no later epoch beats.
    interrupt(run, after="previous", batches=1, best_epoch=1, best_val_accuracy=2.0)
    resumed = cifar("train", "--resume", run)
    assert resumed.code == 0, resumed.err
    assert (
        f"warning: {run}/checkpoints/best.pt: expected the weights of epoch 1, the best of the 1 that this training "
        f"continues from, found those of epoch 2; those weights are lost, so the best epoch is chosen anew, among the "
        f"epochs from now on\n"
    ) in resumed.err
    summary, best = read_summary(run), read(run, "best")["progress"]
    assert (summary["best_epoch"], best["epoch"]) == (2, 2)
    assert summary["val"]["accuracy"] == best["best_val_accuracy"] < 1


def test_lost_best_weights_of_a_training_at_its_end_are_replaced_by_the_last(
    run: Path, cifar: Callable[..., Any]
) -> None:
    interrupt(run, after="last", best_epoch=1, best_val_accuracy=0.5)
    resumed = cifar("train", "--resume", run)
    assert resumed.code == 0, resumed.err
    assert (
        f"warning: {run}/checkpoints/best.pt: expected the weights of epoch 1, the best of the 2 that this training "
        f"continues from, found those of epoch 2; those weights are lost, so the weights of the last epoch take their "
        f"place\n"
    ) in resumed.err
    assert (read_summary(run)["status"], read_summary(run)["best_epoch"]) == ("completed", None)
    assert not (run / "checkpoints" / "best.pt").exists()
    evaluation = json.loads(cifar("eval", run, "--json").out)
    assert evaluation["accuracy"] == read_summary(run)["test"]["accuracy"]


def test_of_two_trainings_the_validation_accuracy_tells_the_best_epochs_apart(
    run: Path, cifar: Callable[..., Any]
) -> None:
    best = read(run, "best")
    best["progress"].update(epoch=1, best_epoch=1, best_val_accuracy=0.99)
    torch.save(best, run / "checkpoints" / "best.pt")
    interrupt(run, after="last", best_epoch=1, best_val_accuracy=0.5)
    assert "found those of epoch 1 of another training; those weights are lost" in cifar("train", "--resume", run).err
