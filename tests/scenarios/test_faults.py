"""Faults of the disk during a training: each ends in one message, and earlier checkpoints stay whole."""

import errno
import json
import os
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

STEP = 15  # of ten an epoch: in the middle of the second
AtStep = Callable[..., AbstractContextManager[None]]


@contextmanager
def files_end_at(num_bytes: int) -> Iterator[None]:
    """Within the block, no file of this process grows beyond `num_bytes`: the effect of a full disk."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (num_bytes, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


def only_run(folder: Path) -> Path:
    (run,) = (folder / "logs").iterdir()
    return run


def status(run: Path) -> str:
    return str(json.loads((run / "summary.json").read_text())["status"])


def assert_failed_with_a_message(outcome: Any, *parts: str) -> None:
    assert outcome.code == 1, outcome.err
    assert "Traceback" not in outcome.err, outcome.err
    for part in parts:
        assert part in outcome.err.replace("\n", ""), outcome.err


def test_a_disk_that_is_full_from_the_beginning_ends_in_a_message(cifar: Callable[..., Any], tmp_path: Path) -> None:
    with files_end_at(3000):  # enough for the records, too little for TensorBoard's file and a checkpoint
        outcome = cifar("train", "--config", "small.yaml")
    assert_failed_with_a_message(outcome, "could not be written: File too large; free space")
    assert status(only_run(tmp_path)) == "failed"
    assert not list(tmp_path.glob("logs/**/*.tmp")), "no half file is left"


def test_a_disk_that_fills_up_during_training_keeps_the_last_checkpoint_and_the_run_is_resumed(
    cifar: Callable[..., Any], trained: tuple[Path, Any], tmp_path: Path, at_step: AtStep
) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    fill_up = at_step(STEP, lambda state: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard)))
    with files_end_at(soft), fill_up:  # the former puts the limit back
        outcome = cifar("train", "--config", "small.yaml")
    assert_failed_with_a_message(outcome, "could not be written: File too large; free space")
    run = only_run(tmp_path)
    assert status(run) == "failed"
    assert torch.load(run / "checkpoints" / "last.pt", weights_only=True)["progress"]["epoch"] == 1

    assert cifar("train", "--resume", run).code == 0
    weights = [torch.load(path / "checkpoints" / "last.pt", weights_only=True)["model"] for path in (run, trained[0])]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[1])


def test_a_run_folder_that_vanishes_during_training_ends_in_a_message(
    cifar: Callable[..., Any], tmp_path: Path, at_step: AtStep
) -> None:
    with at_step(STEP, lambda state: shutil.rmtree(tmp_path / "logs")):
        outcome = cifar("train", "--config", "small.yaml")
    assert_failed_with_a_message(
        outcome, "could not be written: No such file or directory", "the run's status, failed, could not be written"
    )


def test_a_checkpoint_folder_that_cannot_be_written_to_leaves_a_readable_status(
    cifar: Callable[..., Any], tmp_path: Path, at_step: AtStep
) -> None:
    def replace_by_a_file(state: object) -> None:
        checkpoints = only_run(tmp_path) / "checkpoints"
        shutil.rmtree(checkpoints)
        checkpoints.write_text("")

    with at_step(STEP, replace_by_a_file):
        outcome = cifar("train", "--config", "small.yaml")
    assert_failed_with_a_message(outcome, "last.pt: could not be written: Not a directory")
    assert status(only_run(tmp_path)) == "failed"


def test_a_damaged_best_checkpoint_is_named_and_the_last_weights_are_tested(
    run: Path, cifar: Callable[..., Any]
) -> None:
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"status": "running", "test": None}))
    best, last = (run / "checkpoints" / name for name in ("best.pt", "last.pt"))
    saved = torch.load(last, weights_only=True)
    saved["progress"]["best_epoch"] = 1  # whose weights are nowhere else
    torch.save(saved, last)
    content = bytearray(best.read_bytes())
    content[len(content) // 2] ^= 0xFF
    best.write_bytes(content)
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 0, outcome.err
    assert f"warning: {best}: expected the weights of epoch 1" in outcome.err
    assert "found a file that is no whole checkpoint" in outcome.err
    assert json.loads((run / "summary.json").read_text())["best_epoch"] is None


@pytest.mark.parametrize(
    ("blocked", "lost"),
    [
        ("features", "training goes on without the recorded layers"),
        ("projector", "TensorBoard's projector is left out"),
    ],
)
def test_pictures_that_cannot_be_written_do_not_end_a_training(
    blocked: str, lost: str, cifar: Callable[..., Any], tmp_path: Path, at_step: AtStep, trained: tuple[Path, Any]
) -> None:
    def replace_by_a_file(state: object) -> None:
        folder = only_run(tmp_path) / blocked
        shutil.rmtree(folder, ignore_errors=True)
        folder.write_text("")

    with at_step(STEP, replace_by_a_file):
        outcome = cifar("train", "--config", "small.yaml")
    assert outcome.code == 0, outcome.err
    assert outcome.err.count(lost) == 1
    run = only_run(tmp_path)
    assert status(run) == "completed"
    assert weights_of(run) == weights_of(trained[0])


def test_an_event_file_that_cannot_be_written_does_not_end_a_training(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, trained: tuple[Path, Any]
) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("cifar_cli.observers.event_file.SummaryWriter", refuse)
    outcome = cifar("train", "--config", "small.yaml")
    assert outcome.code == 0, outcome.err
    assert outcome.err.count("could not be written: Read-only file system") == 1
    assert outcome.err.count("; training goes on without TensorBoard\n") == 1
    assert status(only_run(tmp_path)) == "completed"
    assert weights_of(only_run(tmp_path)) == weights_of(trained[0])


def weights_of(run: Path) -> dict[str, Any]:
    model = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]
    return {name: tensor.tolist() for name, tensor in model.items()}
