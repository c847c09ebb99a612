"""The one TensorBoard file of a running training, which several observers write to. Knows nothing of what they write.

One for all, because TensorBoard reads a run's files one after the other and may look no more at one that it is through
with. Its step axis counts training steps, for curves and pictures alike; step 0 is the network before training.
"""

import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager

from tensorboard.compat.proto.summary_pb2 import Summary  # type: ignore[import-untyped]
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.errors import RunError
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.training.observer import Observer
from cifar_cli.training.state import TrainingState

MAX_PICTURES = 100  # of each kind in a run; one takes some 200 kB


class EventFile(Observer):
    """Writes into the run's own folder, so that one run is one run in TensorBoard.

    The first of the observers that write to it: it opens the file before they have something to write.
    """

    def __init__(self, run: RunFolder) -> None:
        self._run = run
        self._open_files = ExitStack()  # empty, where the training ends before the file could be opened

    def training_started(self, state: TrainingState) -> None:
        with self._wrap_os_errors():
            step = state.progress.step
            # What an interrupted training wrote of the steps that are now taken again is not to be shown.
            self._writer = SummaryWriter(str(self._run.path), purge_step=step + 1 if step else 0)
            self._open_files.callback(self._writer.close)

    @contextmanager
    def writing(self) -> Iterator[SummaryWriter]:
        """Gives the writer, and sees to it that the file holds what was written once the block is left.

        Raises RunError where the disk refuses.
        """
        with self._wrap_os_errors():
            yield self._writer
            self._writer.flush()

    def close(self) -> None:
        with self._wrap_os_errors():
            self._open_files.close()

    @contextmanager
    def _wrap_os_errors(self) -> Iterator[None]:
        """Turns what the file system refuses into a RunError, however TensorBoard comes by it."""
        try:
            with _writer_threads_hushed():
                yield
        except OSError as error:
            reason = error.strerror or str(error)
            raise RunError(
                f"{self._run.path}: TensorBoard's file could not be written: {reason}; free space, or mend the "
                f"folder's rights"
            ) from error


def write_scalars(writer: SummaryWriter, values: Mapping[str, float], *, step: int) -> None:
    """Writes a point of each of these curves as one record, which takes a tenth of the time of a record each."""
    points = [Summary.Value(tag=tag, simple_value=value) for tag, value in values.items()]
    writer._get_file_writer().add_summary(Summary(value=points), step)


def capped_interval(every: int, *, epochs: int) -> int:
    """Returns each how many epochs to write a picture: `every`, or more seldom in a long run, whose disk it would fill.

    0 stays 0, which is never.
    """
    return max(every, -(-epochs // MAX_PICTURES)) if every else 0


@contextmanager
def _writer_threads_hushed() -> Iterator[None]:
    """Keeps the tracebacks of TensorBoard's writing thread off the screen: what it met is raised by the next flush."""
    print_traceback = threading.excepthook
    threading.excepthook = lambda _: None
    try:
        yield
    finally:
        threading.excepthook = print_traceback
