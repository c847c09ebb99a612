"""Writes a training to TensorBoard: curves, feature maps and filters over time, graph, configuration."""

import warnings
from collections.abc import Callable, Sequence
from contextlib import redirect_stdout
from io import StringIO

import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.analysis.capture import capture_views
from cifar_cli.models.eval_mode import eval_mode
from cifar_cli.observers.event_file import EventFile, capped_interval, write_scalars
from cifar_cli.observers.layer_images import write_layer_images
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class TensorBoard(Observer):
    """Writes the curves and images of every run.

    config: YAML. images: uint8 (B, C, H, W), always the same. preprocess: turns images into the network's input.
    images_every: the interval between images in epochs, 0 for none. A long run writes fewer, so that the disk does not
    fill. warn: is called if the network has no graph.
    """

    def __init__(
        self,
        events: EventFile,
        *,
        config: str,
        images: Tensor,
        preprocess: Callable[[Tensor], Tensor],
        feature_layers: Sequence[str],
        images_every: int,
        epochs: int,
        warn: Callable[[str], None],
    ) -> None:
        self._events = events
        self._config = config
        self._warn = warn
        self._images = images
        self._preprocess = preprocess
        self._feature_layers = feature_layers
        self._images_every = capped_interval(images_every, epochs=epochs)

    def training_started(self, state: TrainingState) -> None:
        if state.progress.step:
            return
        with self._events.writing() as writer:
            writer.add_text("config", _as_code(self._config), 0)
            writer.add_images("inputs", self._images, 0)
            self._write_graph(writer, state.model)
            self._write_images(writer, state.model, step=0)

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        scalars = {
            "loss/train": report.train_loss,
            "loss/val": report.val_loss,
            "accuracy/train": report.train_accuracy,
            "accuracy/val": report.val_accuracy,
            "lr": report.lr,
            "throughput/images_per_second": report.images_per_second,
        }
        if len(report.group_lrs) > 1:
            scalars |= {f"lr/{group}": lr for group, lr in report.group_lrs.items()}
        with self._events.writing() as writer:
            known = {tag: value for tag, value in scalars.items() if value is not None}
            write_scalars(writer, known, step=report.step)
            if self._images_every and report.epoch % self._images_every == 0:
                self._write_images(writer, state.model, step=report.step)

    def _write_images(self, writer: SummaryWriter, model: nn.Module, *, step: int) -> None:
        if not self._feature_layers or not self._images_every:
            return
        views = capture_views(model, self._preprocess(self._images), layers=self._feature_layers)
        write_layer_images(writer, views, images=self._images, step=step)

    def _write_graph(self, writer: SummaryWriter, model: nn.Module) -> None:
        """Writes the graph of the network, in eval mode: tracing does not restore each module's own mode."""
        image = self._preprocess(self._images[:1])
        # torch prints to stdout what it cannot trace.
        with eval_mode(model), warnings.catch_warnings(), redirect_stdout(StringIO()):
            warnings.simplefilter("ignore")  # tracing warns of branches that it cannot follow
            try:
                # Traced here: add_graph would trace twice to compare, and for that import torch.distributed.tensor.
                writer.add_graph(torch.jit.trace(model, image, check_trace=False), image)
            except Exception as error:  # a person's own network may do anything, also what cannot be traced
                reason = str(error).strip().partition("\n")[0].rstrip("!.")
                self._warn(f"TensorBoard gets no graph of this network, as torch cannot trace it: {reason}")


def _as_code(text: str) -> str:
    """Returns the text as a code block: TensorBoard renders Markdown."""
    return "\n".join(f"    {line}" for line in text.splitlines())
