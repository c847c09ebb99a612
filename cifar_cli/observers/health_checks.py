"""Warns once when a network does not learn, with the figures that show this and with a remedy.

A warning, not an error: the person may want such a training.
"""

import math
from collections.abc import Callable

from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.activity import activation_figures, copied_weights, gradient_figures, to_numbers, total_update
from cifar_cli.optim.reported_lr import ConfiguredLr, configured_lr
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState

DEAD_FRACTION = 0.9  # of a layer's units; a few dead units in a network with ReLU do no harm
GUESSING_LOSS_RATIO = 0.99  # of ln(K), the loss with the same probability for all classes
GUESSING_ACCURACY_RATIO = 1.5  # of 1/K, the accuracy of guessing
BARELY_MOVED = 0.01  # of the weights' norm


class HealthChecks(Observer):
    """Checks each epoch for dead layers, layers without gradient, and a loss no better than guessing.

    images: uint8 (B, C, H, W), the same each time; `preprocess` turns images into the network's input. warn: prints a
    warning.
    """

    def __init__(
        self,
        *,
        images: Tensor,
        preprocess: Callable[[Tensor], Tensor],
        num_classes: int,
        warn: Callable[[str], None],
    ) -> None:
        self._images = images
        self._preprocess = preprocess
        self._num_classes = num_classes
        self._warn = warn
        self._warned: set[str] = set()

    def training_started(self, state: TrainingState) -> None:
        self._weights_at_start = copied_weights(state.model)

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        lr = configured_lr(state.scheduler)
        outputs = to_numbers(activation_figures(state.model, self._preprocess(self._images)))
        dead = {name.removesuffix("/dead"): fraction for name, fraction in outputs.items() if name.endswith("/dead")}
        for layer, fraction in dead.items():
            if fraction >= DEAD_FRACTION:
                self._warn_once(layer, dead_layer(layer, fraction, images=len(self._images), epoch=report.epoch, lr=lr))
        if self._warned:
            return  # the checks below would report the same cause
        gradients = to_numbers(gradient_figures(state.model))
        for layer, norm in gradients.items():
            if norm == 0 and any(gradients.values()):  # if all are 0, the last batch had no loss
                self._warn_once(layer, layer_without_gradient(layer, step=report.step))
        if not self._warned and is_guessing(report, num_classes=self._num_classes):
            moved = total_update(state.model, self._weights_at_start).item()
            self._warn_once("loss", guessing(report, num_classes=self._num_classes, moved=moved, lr=lr))

    def _warn_once(self, subject: str, text: str) -> None:
        if subject not in self._warned:
            self._warned.add(subject)
            self._warn(text)


def is_guessing(report: EpochReport, *, num_classes: int) -> bool:
    """Returns whether an epoch's training loss and accuracy are both close to those of guessing."""
    is_loss_high = report.train_loss >= GUESSING_LOSS_RATIO * math.log(num_classes)
    return is_loss_high and report.train_accuracy < GUESSING_ACCURACY_RATIO / num_classes


def dead_layer(layer: str, fraction: float, *, images: int, epoch: int, lr: ConfiguredLr) -> str:
    """Returns the warning about a layer with many units that are 0 for every image. fraction: of units, in [0, 1]."""
    return (
        f"after epoch {epoch}, {formatting.percent(fraction, decimals=0)} of the units of {layer} are 0 for each of "
        f"{images} images: no gradient "
        f"passes through them, so they stay dead, and the layers before them no longer learn. Start again with "
        f"{lr.key}={_round(lr.value / 10)} (it is {lr.value:g}), or write LeakyReLU in the place of {layer}"
    )


def layer_without_gradient(layer: str, *, step: int) -> str:
    """Returns the warning about a layer whose weights have no gradient."""
    return (
        f"after step {step}, the gradient of the weights of {layer} is exactly 0, while other layers have one: it does "
        f"not learn. Check that its output reaches the loss: an activation that is 0 for every image (the curves "
        f"activations/<layer>/dead in TensorBoard) or a factor of 0 blocks the gradient. To freeze the layer on "
        f"purpose, write train.freeze=[{layer}.*]"
    )


def guessing(report: EpochReport, *, num_classes: int, moved: float, lr: ConfiguredLr) -> str:
    """Returns the warning about a network that still guesses. moved: norm of the weights' change, over their norm."""
    finding = (
        f"epoch {report.epoch} ends with a training loss of {report.train_loss:.3f} and "
        f"{formatting.percent(report.train_accuracy, decimals=1)}: "
        f"guessing among {num_classes} classes gives ln {num_classes} = {math.log(num_classes):.3f} and "
        f"{formatting.percent(1 / num_classes, decimals=1)}, so nothing has been learnt. "
    )
    if moved < BARELY_MOVED:
        return (
            f"{finding}The weights have moved by {100 * moved:.2g} % of their norm: the steps are too small. "
            f"Try {lr.key}={_round(10 * lr.value)} or more (it is {lr.value:g})"
        )
    if report.train_loss > 1.05 * math.log(num_classes):
        return (
            f"{finding}The loss is worse than a guess and the weights have moved by "
            f"{formatting.percent(moved, decimals=0)}: the steps are too "
            f"large. Try {lr.key}={_round(lr.value / 10)} (it is {lr.value:g}), or train.clip_grad_norm=1"
        )
    return (
        f"{finding}The weights have moved by {formatting.percent(moved, decimals=0)}, to no use. "
        f"Try {lr.key}={_round(10 * lr.value)} and "
        f"{_round(lr.value / 10)} (it is {lr.value:g}), ReLU in the place of Sigmoid or Tanh, or BatchNorm2d after "
        f"each convolution"
    )


def _round(lr: float) -> str:
    """Returns 0.003 for 0.0031, and 10 where a plain format to one digit would give 1e+01."""
    return f"{float(f'{lr:.1g}'):g}"
