"""What the disk can do to a training: each fault ends in one message, and what was written before stays whole."""

import json
import resource
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli.observers.progress_bar import ProgressBar
from cifar_cli.training.state import TrainingState

STEP = 15  # of ten an epoch: in the middle of the second


def at_step(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], None]) -> None:
    def step_ended(self: ProgressBar, state: TrainingState) -> None:
        if state.progress.step == STEP:
            happens()

    monkeypatch.setattr(ProgressBar, "step_ended", step_ended)


@contextmanager
def files_end_at(num_bytes: int) -> Iterator[None]:
    """Within it no file of this process grows beyond that: what a full disk does, without filling one."""
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


def test_a_disk_that_fills_up_during_training_keeps_what_was_saved_and_is_gone_on_with(
    cifar: Callable[..., Any], trained: tuple[Path, Any], tmp_path: Path
) -> None:
    with pytest.MonkeyPatch.context() as patch, files_end_at(resource.RLIM_INFINITY):
        hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
        at_step(patch, lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (3000, hard)))
        outcome = cifar("train", "--config", "small.yaml")
    assert_failed_with_a_message(outcome, "could not be written: File too large; free space")
    run = only_run(tmp_path)
    assert status(run) == "failed"
    assert torch.load(run / "checkpoints" / "last.pt", weights_only=True)["progress"]["epoch"] == 1

    assert cifar("train", "--resume", run).code == 0
    weights = [torch.load(path / "checkpoints" / "last.pt", weights_only=True)["model"] for path in (run, trained[0])]
    assert all(torch.equal(weights[0][key], weights[1][key]) for key in weights[1])


def test_a_run_folder_that_vanishes_during_training_is_missed_aloud(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    at_step(monkeypatch, lambda: shutil.rmtree(tmp_path / "logs"))
    outcome = cifar("train", "--config", "small.yaml")
    assert_failed_with_a_message(
        outcome, "could not be written: No such file or directory", "the run's status, failed, could not be written"
    )


def test_a_checkpoint_folder_that_cannot_be_written_to_leaves_a_readable_status(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def replace_by_a_file() -> None:
        checkpoints = only_run(tmp_path) / "checkpoints"
        shutil.rmtree(checkpoints)
        checkpoints.write_text("")

    at_step(monkeypatch, replace_by_a_file)
    outcome = cifar("train", "--config", "small.yaml")
    assert_failed_with_a_message(outcome, "best.pt: could not be written: Not a directory")
    assert status(only_run(tmp_path)) == "failed"


def test_a_damaged_best_checkpoint_is_named_when_it_is_to_be_tested(run: Path, cifar: Callable[..., Any]) -> None:
    summary = json.loads((run / "summary.json").read_text())
    (run / "summary.json").write_text(json.dumps(summary | {"status": "running", "test": None}))
    best, last = (run / "checkpoints" / name for name in ("best.pt", "last.pt"))
    content, whole = bytearray(best.read_bytes()), last.read_bytes()
    content[len(content) // 2] ^= 0xFF
    best.write_bytes(content)
    outcome = cifar("train", "--resume", run)
    assert_failed_with_a_message(outcome, "best.pt: expected a whole checkpoint")
    assert status(run) == "failed"
    assert last.read_bytes() == whole
