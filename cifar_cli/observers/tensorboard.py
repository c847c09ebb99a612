"""Writes a training to TensorBoard: curves, pictures of the same images as it learns, graph, configuration."""

import warnings
from collections.abc import Callable, Sequence

from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.analysis.capture import capture_many, find_layer
from cifar_cli.figures.grids import feature_grid, filter_grid
from cifar_cli.models.eval_mode import eval_mode
from cifar_cli.observers.event_file import EventFile, capped_interval, write_scalars
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class TensorBoard(Observer):
    """Writes the curves and pictures of every run.

    images: uint8 (B, C, H, W), always the same; prepare: turns images into the network's input; images_every: epochs
    from picture to picture, 0 for none. A long run writes fewer pictures, so that the disk does not fill.
    """

    def __init__(
        self,
        events: EventFile,
        *,
        config: str,
        images: Tensor,
        prepare: Callable[[Tensor], Tensor],
        feature_layers: Sequence[str],
        images_every: int,
        epochs: int,
    ) -> None:
        self._events = events
        self._config = config
        self._images = images
        self._prepare = prepare
        self._feature_layers = feature_layers
        self._images_every = capped_interval(images_every, epochs=epochs)

    def training_started(self, state: TrainingState) -> None:
        if state.progress.step:
            return
        with self._events.writing() as writer:
            writer.add_text("config", _as_code(self._config), 0)
            writer.add_images("inputs", self._images, 0)
            self._write_graph(writer, state.model)
            self._write_pictures(writer, state.model, step=0)

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        scalars = {
            "loss/train": report.train_loss,
            "loss/val": report.val_loss,
            "accuracy/train": report.train_accuracy,
            "accuracy/val": report.val_accuracy,
            "lr": report.lr,
            "throughput/images_per_second": report.images_per_second,
        }
        with self._events.writing() as writer:
            known = {tag: value for tag, value in scalars.items() if value is not None}
            write_scalars(writer, known, step=report.step)
            if self._images_every and report.epoch % self._images_every == 0:
                self._write_pictures(writer, state.model, step=report.step)

    def _write_pictures(self, writer: SummaryWriter, model: nn.Module, *, step: int) -> None:
        if not self._feature_layers or not self._images_every:
            return
        features = capture_many(model, self._prepare(self._images), layers=self._feature_layers)
        for layer, output in features.items():
            writer.add_image(f"features/{layer}", feature_grid(output, images=self._images), step)
            module = find_layer(model, layer)
            if isinstance(module, nn.Conv2d):
                writer.add_image(f"filters/{layer}", filter_grid(module.weight), step)

    def _write_graph(self, writer: SummaryWriter, model: nn.Module) -> None:
        """Writes the graph of the network. torch traces in eval mode and does not restore each module's own mode."""
        with eval_mode(model), warnings.catch_warnings():
            warnings.simplefilter("ignore")  # tracing warns of branches that it cannot see; a graph does without them
            writer.add_graph(model, self._prepare(self._images[:1]))


def _as_code(text: str) -> str:
    """Returns text indented as code: TensorBoard shows texts as Markdown."""
    return "\n".join(f"    {line}" for line in text.splitlines())
