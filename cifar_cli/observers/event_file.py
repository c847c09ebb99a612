"""Opens the one TensorBoard event file of a training, which several observers write to.

There is one file because TensorBoard reads a run's files in sequence and may not return to an earlier file. The step
axis counts training steps, for curves and for images; step 0 is the network before training.
"""

import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from pathlib import Path

from torch.utils.tensorboard import SummaryWriter
from torch.utils.tensorboard.summary import scalar

from cifar_cli.errors import RunError, describe_write_error
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.training.observer import Observer
from cifar_cli.training.state import TrainingState

MAX_IMAGES_PER_TAG = 100  # an image takes some 200 kB


class EventFile(Observer):
    """Opens and closes an event file in the run folder itself, so that TensorBoard shows one run.

    Must come before the observers that write to the file, because `training_started` opens the file.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._open_files = ExitStack()  # empty if the training ends before the file is opened

    def training_started(self, state: TrainingState) -> None:
        with tensorboard_errors(self._run.path):
            step = state.progress.step
            _wait_for_the_next_second(self._run.path)
            # Hides the records of steps that an interrupted training took and that are now taken again.
            self._writer = SummaryWriter(str(self._run.path), purge_step=step + 1 if step else 0)
            self._open_files.callback(self._writer.close)

    @contextmanager
    def writing(self) -> Iterator[SummaryWriter]:
        """Yields the writer, and flushes the file when the block ends. Raises RunError if a write fails."""
        with tensorboard_errors(self._run.path):
            yield self._writer
            self._writer.flush()

    def close(self) -> None:
        with tensorboard_errors(self._run.path):
            self._open_files.close()


def _wait_for_the_next_second(folder: Path) -> None:
    """Waits if the folder has an event file of this second: TensorBoard reads files in the order of their names.

    A name begins with the second and goes on with the machine and the process. A run that is resumed at once would have
    its curves read before the first part's, and then hidden by them.
    """
    now = time.time()
    if any(folder.glob(f"events.out.tfevents.{int(now):010d}.*")):
        time.sleep(int(now) + 1 - now)


@contextmanager
def tensorboard_errors(folder: Path) -> Iterator[None]:
    """Converts the errors of an event file that cannot be written to RunError."""
    try:
        with _quiet_writer_threads():
            yield
    except UnicodeEncodeError as error:
        raise RunError(
            f"{folder}: TensorBoard's file could not be written: the folder's name is not UTF-8; rename the folder"
        ) from error
    except OSError as error:
        raise RunError(f"{folder}: TensorBoard's file could not be written: {describe_write_error(error)}") from error


def write_scalars(writer: SummaryWriter, values: Mapping[str, float], *, step: int) -> None:
    """Writes one point of each curve, all in one record: one record per point takes three times as long."""
    file_writer = getattr(writer, "file_writer", None)  # undocumented: another version may not have it
    if file_writer is None or not values:
        for tag, value in values.items():
            writer.add_scalar(tag, value, step)
        return
    record, *others = (scalar(tag, value) for tag, value in values.items())
    for point in others:
        record.MergeFrom(point)
    file_writer.add_summary(record, step)


def capped_interval(every: int, *, epochs: int) -> int:
    """Returns the interval between images in epochs: `every`, or more, for at most MAX_IMAGES_PER_TAG in a run.

    0 stays 0, which means never.
    """
    return max(every, -(-epochs // MAX_IMAGES_PER_TAG)) if every else 0


@contextmanager
def _quiet_writer_threads() -> Iterator[None]:
    """Suppresses tracebacks of TensorBoard's writer thread: the next flush raises the same error in this thread."""
    hook = threading.excepthook

    def ignore_tensorboard(arguments: threading.ExceptHookArgs) -> None:
        if not type(arguments.thread).__module__.startswith("tensorboard."):
            hook(arguments)

    threading.excepthook = ignore_tensorboard
    try:
        yield
    finally:
        threading.excepthook = hook
