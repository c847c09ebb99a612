"""Writes histograms of weights, gradients and activations to TensorBoard."""

from collections.abc import Callable

from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.analysis.activity import informative_layers
from cifar_cli.analysis.call_order import called_layers
from cifar_cli.analysis.capture import capture_many
from cifar_cli.observers.event_file import EventFile
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class Histograms(Observer):
    """Writes `weights/<parameter>`, `gradients/<parameter>` of the epoch's last step, and `activations/<layer>`.

    A histogram is written before training and every `every` epochs. Activations are the outputs of the innermost layers
    for `images`, uint8 (B, C, H, W), the same each time; `preprocess` turns images into the network's input.
    """

    def __init__(
        self, events: EventFile, *, images: Tensor, preprocess: Callable[[Tensor], Tensor], every: int
    ) -> None:
        self._events = events
        self._images = images
        self._preprocess = preprocess
        self._every = every

    def training_started(self, state: TrainingState) -> None:
        if state.progress.step == 0:
            self._write(state.model, step=0)

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        if report.epoch % self._every == 0:
            self._write(state.model, step=report.step)

    def _write(self, model: nn.Module, *, step: int) -> None:
        images = self._preprocess(self._images)
        layers = [name for name in called_layers(model, images) if name in informative_layers(model)]
        activations = capture_many(model, images, layers=layers)
        with self._events.writing() as writer:
            for name, parameter in model.named_parameters():
                _add(writer, f"weights/{name}", parameter.detach(), step=step)
                if parameter.grad is not None:
                    _add(writer, f"gradients/{name}", parameter.grad, step=step)
            for layer, output in activations.items():
                _add(writer, f"activations/{layer}", output, step=step)


def _add(writer: SummaryWriter, tag: str, values: Tensor, *, step: int) -> None:
    finite = values[values.isfinite()]  # add_histogram refuses infinities and NaN, which a broken gradient has
    if finite.numel():
        writer.add_histogram(tag, finite, step)
