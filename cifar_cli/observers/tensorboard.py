"""Writes TensorBoard's files: curves, pictures of the same fixed images as the network learns, graph, configuration.

The step axis counts epochs; step 0 is the network before training.
"""

import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager

from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.errors import RunError
from cifar_cli.insight.grids import feature_grid, filter_grid
from cifar_cli.insight.layers import capture_many, find_layer
from cifar_cli.models.modes import evaluating
from cifar_cli.runs.folder import RunFolder
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState

MAX_PICTURES = 100  # of each layer in a run; one takes some 200 kB


class TensorBoard(Observer):
    """Writes into the run's own folder, so that one run is one run in TensorBoard.

    images: uint8 (B, C, H, W), always the same; prepare makes of them what the network takes; a picture is written each
    `images_every` epochs, never when that is 0, and in a long run more seldom, so that it does not fill the disk.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        config: str,
        images: Tensor,
        prepare: Callable[[Tensor], Tensor],
        feature_layers: Sequence[str],
        images_every: int,
        epochs: int,
    ) -> None:
        self._run = run
        self._config = config
        self._images = images
        self._prepare = prepare
        self._feature_layers = feature_layers
        self._images_every = max(images_every, -(-epochs // MAX_PICTURES)) if images_every else 0
        self._open_files = ExitStack()  # empty, where the training ends before the first file could be opened

    def training_started(self, state: TrainingState) -> None:
        epoch, is_at_start = state.progress.epoch, state.progress.step == 0
        with self._errors_told():
            # What an interrupted training wrote of the epochs that are now trained again is not to be shown.
            self._writer = SummaryWriter(str(self._run.path), purge_step=0 if is_at_start else epoch + 1)
            self._open_files.callback(self._writer.close)
            if is_at_start:
                self._writer.add_text("config", _as_code(self._config), 0)
                self._writer.add_images("inputs", self._images, 0)
                self._write_graph(state.model)
                self._write_pictures(state.model, epoch=0)
            self._writer.flush()

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        scalars = {
            "loss/train": report.train_loss,
            "loss/val": report.val_loss,
            "accuracy/train": report.train_accuracy,
            "accuracy/val": report.val_accuracy,
            "lr": report.lr,
            "throughput/images_per_second": report.images_per_second,
        }
        with self._errors_told():
            for tag, value in scalars.items():
                if value is not None:
                    self._writer.add_scalar(tag, value, report.epoch)
            if self._images_every and report.epoch % self._images_every == 0:
                self._write_pictures(state.model, epoch=report.epoch)
            self._writer.flush()

    def close(self) -> None:
        with self._errors_told():
            self._open_files.close()

    @contextmanager
    def _errors_told(self) -> Iterator[None]:
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

    def _write_pictures(self, model: nn.Module, *, epoch: int) -> None:
        if not self._feature_layers or not self._images_every:
            return
        features = capture_many(model, self._prepare(self._images), layers=self._feature_layers)
        for layer, output in features.items():
            self._writer.add_image(f"features/{layer}", feature_grid(output, images=self._images), epoch)
            module = find_layer(model, layer)
            if isinstance(module, nn.Conv2d):
                self._writer.add_image(f"filters/{layer}", filter_grid(module.weight), epoch)

    def _write_graph(self, model: nn.Module) -> None:
        """Traces the network, which torch does in eval mode, but forgets which parts were in it before."""
        with evaluating(model), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of what it will not see again; a picture needs no more
            self._writer.add_graph(model, self._prepare(self._images[:1]))


@contextmanager
def _writer_threads_hushed() -> Iterator[None]:
    """Keeps the tracebacks of TensorBoard's writing thread off the screen: what it met is raised by the next flush."""
    print_traceback = threading.excepthook
    threading.excepthook = lambda _: None
    try:
        yield
    finally:
        threading.excepthook = print_traceback


def _as_code(text: str) -> str:
    """Indents for Markdown, which is how TensorBoard shows texts."""
    return "\n".join(f"    {line}" for line in text.splitlines())
