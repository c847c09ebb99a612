"""Which epoch is kept as the best, and what each file holds."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli.errors import StoppedError
from cifar_cli.observers.checkpoint_writer import CheckpointWriter
from cifar_cli.runs.checkpoint import load_checkpoint, save_checkpoint
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import fit

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "demo")


def with_accuracies(task: Any, accuracies: Sequence[float]) -> Any:
    """Returns the task with a validation that finds these accuracies, one epoch after the other."""
    remaining = iter(accuracies)
    confusion = torch.zeros(4, 4, dtype=torch.int64)
    return replace(
        task,
        validate=lambda: Evaluation(1.0, 1.0, next(remaining), 10, confusion, torch.zeros(10, 4)),
        epochs=len(accuracies),
    )


@pytest.mark.parametrize(
    ("accuracies", "best"), [([0.3, 0.6, 0.4], 2), ([0.6, 0.3, 0.6], 1), ([0.1, 0.2, 0.3], 3), ([0.0, 0.0], 1)]
)
def test_best_is_the_first_epoch_of_the_highest_validation_accuracy_and_last_the_last(
    tiny_training: Make, run: RunFolder, accuracies: list[float], best: int
) -> None:
    training = tiny_training(epochs=len(accuracies))
    fit(
        training.state,
        with_accuracies(training.task, accuracies),
        runtime=training.runtime,
        observers=[CheckpointWriter(run, config="name: demo\n", every_seconds=0)],
    )
    kept, last = load_checkpoint(run.best_checkpoint), load_checkpoint(run.last_checkpoint)
    assert (kept["progress"]["epoch"], kept["progress"]["step"]) == (best, 4 * best)
    assert kept["progress"]["best_val_accuracy"] == max(accuracies)
    assert last["progress"]["epoch"] == len(accuracies)
    assert last["progress"]["best_epoch"] == best


def test_a_checkpoint_holds_the_whole_state_and_the_configuration(tiny_training: Make, run: RunFolder) -> None:
    training = tiny_training(epochs=1)
    fit(
        training.state,
        training.task,
        runtime=training.runtime,
        observers=[CheckpointWriter(run, config="name: demo\n", every_seconds=0)],
    )
    saved = load_checkpoint(run.last_checkpoint)
    assert saved["config"] == "name: demo\n"
    assert saved.keys() == {"format", "config", *training.state.state_dict()}
    for name, value in training.state.model.state_dict().items():
        assert torch.equal(saved["model"][name], value), name


def test_without_validation_there_is_no_best(tiny_training: Make, run: RunFolder) -> None:
    training = tiny_training(validated=False)
    fit(
        training.state,
        training.task,
        runtime=training.runtime,
        observers=[CheckpointWriter(run, config="", every_seconds=0)],
    )
    assert run.last_checkpoint.is_file()
    assert not run.best_checkpoint.exists()


def test_a_stopped_training_is_saved_at_its_current_step(tiny_training: Make, run: RunFolder) -> None:
    training = tiny_training()
    with pytest.raises(StoppedError):
        fit(
            training.state,
            training.task,
            runtime=training.runtime,
            observers=[CheckpointWriter(run, config="", every_seconds=0)],
            shutdown=ShutdownRequest(signal_number=2),
        )
    saved = load_checkpoint(run.last_checkpoint)
    assert (saved["progress"]["epoch"], saved["progress"]["step"], saved["totals"]["batches"]) == (0, 1, 1)
    assert not run.best_checkpoint.exists()


def test_before_the_first_step_there_is_already_a_checkpoint(tiny_training: Make, run: RunFolder) -> None:
    training = tiny_training()
    CheckpointWriter(run, config="", every_seconds=0).training_started(training.state)
    assert load_checkpoint(run.last_checkpoint)["progress"]["step"] == 0


@pytest.mark.parametrize(("every_seconds", "steps_saved"), [(0, []), (25, [3, 6])])
def test_within_an_epoch_it_saves_when_the_time_has_come(
    tiny_training: Make, run: RunFolder, monkeypatch: pytest.MonkeyPatch, every_seconds: float, steps_saved: list[int]
) -> None:
    training, now, saved = tiny_training(), [0.0], []
    monkeypatch.setattr("time.monotonic", lambda: now[0])
    checkpoints = CheckpointWriter(run, config="", every_seconds=every_seconds)
    checkpoints.training_started(training.state)
    for step in range(1, 8):  # ten seconds each
        now[0], training.state.progress.step = 10.0 * step, step
        checkpoints.step_ended(training.state)
        if load_checkpoint(run.last_checkpoint)["progress"]["step"] == step:
            saved.append(step)
    assert saved == steps_saved


def test_the_checkpoint_before_the_last_is_kept(tiny_training: Make, run: RunFolder) -> None:
    training = tiny_training(epochs=2)
    fit(
        training.state,
        training.task,
        runtime=training.runtime,
        observers=[CheckpointWriter(run, config="", every_seconds=0)],
    )
    assert load_checkpoint(run.previous_checkpoint)["progress"]["epoch"] == 1
    assert load_checkpoint(run.last_checkpoint)["progress"]["epoch"] == 2


def test_a_training_killed_before_it_writes_the_best_has_the_best_weights_in_the_last(
    tiny_training: Make, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def killed_before_best(path: Path, contents: dict[str, Any], **rest: Any) -> None:
        if path == run.best_checkpoint:
            raise KeyboardInterrupt
        save_checkpoint(path, contents, **rest)

    monkeypatch.setattr("cifar_cli.observers.checkpoint_writer.save_checkpoint", killed_before_best)
    training = tiny_training(epochs=1)
    with pytest.raises(KeyboardInterrupt):
        fit(
            training.state,
            with_accuracies(training.task, [0.5]),
            runtime=training.runtime,
            observers=[CheckpointWriter(run, config="", every_seconds=0)],
        )
    progress = load_checkpoint(run.last_checkpoint)["progress"]
    assert (progress["epoch"], progress["best_epoch"]) == (1, 1)
