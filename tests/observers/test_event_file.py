"""The event file that observers share: its curves, the interval between images, and errors of the disk."""

import threading
import time
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.backend.event_processing.event_file_loader import EventFileLoader
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.errors import RunError
from cifar_cli.observers.event_file import EventFile, capped_interval, write_scalars
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.training.state import TrainingState


@pytest.mark.parametrize(
    ("every", "epochs", "result"), [(0, 500, 0), (1, 100, 1), (1, 101, 2), (1, 500, 5), (7, 500, 7)]
)
def test_a_long_run_has_at_most_a_hundred_images_per_tag(every: int, epochs: int, result: int) -> None:
    assert capped_interval(every, epochs=epochs) == result


def started(run: RunFolder) -> EventFile:
    """Returns the run's event file at the start of a training."""
    events = EventFile(run)
    events.training_started(cast(TrainingState, SimpleNamespace(progress=SimpleNamespace(step=0))))
    return events


def test_a_run_resumed_in_the_same_second_has_a_file_that_is_read_after_the_first(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=1234.25)
    monkeypatch.setattr(time, "time", lambda: clock.now)
    monkeypatch.setattr(time, "sleep", lambda seconds: setattr(clock, "now", clock.now + seconds))
    run = create_run(tmp_path, "demo")
    first = run.path / "events.out.tfevents.0000001234.machine.999.0"  # of a process with a number that sorts last
    first.touch()
    started(run).close()
    assert sorted(path.name for path in run.path.glob("*.tfevents.*"))[0] == first.name
    assert clock.now == 1235.0
    clock.now = 1237.5
    started(run).close()
    assert clock.now == 1237.5  # nothing to wait for


def test_an_error_of_the_disk_names_the_folder_and_the_mend(tmp_path: Path) -> None:
    run = create_run(tmp_path, "demo")
    events = started(run)
    with pytest.raises(RunError) as caught, events.writing():
        raise OSError(28, "No space left on device")
    assert str(caught.value) == (
        f"{run.path}: TensorBoard's file could not be written: No space left on device; free space"
    )


def write_curves(folder: Path, *, with_file_writer: bool) -> list[int]:
    """Writes two points of two curves; returns how many points each record of the file holds."""
    writer = SummaryWriter(str(folder))
    file_writer = writer.file_writer
    if not with_file_writer:
        del writer.file_writer
        writer._get_file_writer = lambda: file_writer  # what add_scalar calls, whatever it is in another version
    for step in (1, 2):
        write_scalars(writer, {"loss": 0.5 / step, "lr": 0.25}, step=step)
    write_scalars(writer, {}, step=3)
    writer.close()
    file_writer.close()
    (path,) = folder.iterdir()
    return [len(event.summary.value) for event in EventFileLoader(str(path)).Load() if event.HasField("summary")]


@pytest.mark.parametrize(("with_file_writer", "points"), [(True, [2, 2]), (False, [1, 1, 1, 1])])
def test_curves_are_the_same_without_access_to_tensorboards_file_writer(
    tmp_path: Path, with_file_writer: bool, points: list[int]
) -> None:
    assert write_curves(tmp_path, with_file_writer=with_file_writer) == points
    events = EventAccumulator(str(tmp_path)).Reload()
    assert [(event.step, event.value) for event in events.Scalars("loss")] == [(1, 0.5), (2, 0.25)]
    assert [(event.step, event.value) for event in events.Scalars("lr")] == [(1, 0.25), (2, 0.25)]


class TensorBoardThread(threading.Thread):
    """A thread as TensorBoard's writer starts it: its class comes from a module of tensorboard's."""


TensorBoardThread.__module__ = "tensorboard.summary.writer.event_file_writer"


@pytest.mark.parametrize(("thread_class", "is_printed"), [(TensorBoardThread, False), (threading.Thread, True)])
def test_only_errors_of_tensorboards_threads_are_left_to_the_next_flush(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, thread_class: type[threading.Thread], is_printed: bool
) -> None:
    printed: list[object] = []
    monkeypatch.setattr(threading, "excepthook", printed.append)

    def fail() -> None:
        raise ValueError("broken")

    events = started(create_run(tmp_path, "demo"))
    with events.writing():
        thread = thread_class(target=fail)
        thread.start()
        thread.join()
    assert bool(printed) == is_printed
    assert threading.excepthook == printed.append
