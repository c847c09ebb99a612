"""Warns once when a network does not learn, with the figures that show it and what to change.

It is no error: the person may want such a training.
"""

import math
from collections.abc import Callable

from torch import Tensor

from cifar_cli.analysis.activity import activation_figures, copied_weights, gradient_figures, to_numbers, total_update
from cifar_cli.optim.reported_lr import ConfiguredLr, configured_lr
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState

DEAD_SHARE = 0.9  # of a layer's units; a few die in every network with ReLU, and the others suffice
GUESSING_LOSS_RATIO = 0.99  # of ln(K), the loss with the same probability for all classes
GUESSING_ACCURACY_RATIO = 1.5  # times 1/K, the accuracy of guessing
BARELY_MOVED = 0.01  # of the weights' norm


class HealthChecks(Observer):
    """Checks each epoch for dead layers, layers without gradient, and a loss no better than guessing.

    images: uint8 (B, C, H, W), the same each time; `prepare` turns them into the network's input. tell: prints a
    warning.
    """

    def __init__(
        self,
        *,
        images: Tensor,
        prepare: Callable[[Tensor], Tensor],
        num_classes: int,
        tell: Callable[[str], None],
    ) -> None:
        self._images = images
        self._prepare = prepare
        self._num_classes = num_classes
        self._tell = tell
        self._told: set[str] = set()

    def training_started(self, state: TrainingState) -> None:
        self._weights_at_start = copied_weights(state.model)

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        lr = configured_lr(state.scheduler)
        outputs = to_numbers(activation_figures(state.model, self._prepare(self._images)))
        dead = {name.removesuffix("/dead"): share for name, share in outputs.items() if name.endswith("/dead")}
        for layer, share in dead.items():
            if share >= DEAD_SHARE:
                self._tell_once(layer, dead_layer(layer, share, images=len(self._images), epoch=report.epoch, lr=lr))
        if self._told:
            return  # the checks below would report the same cause
        gradients = to_numbers(gradient_figures(state.model))
        for layer, norm in gradients.items():
            if norm == 0 and any(gradients.values()):  # without any gradient, the last batch had no loss
                self._tell_once(layer, layer_without_gradient(layer, step=report.step))
        if not self._told and self._is_guessing(report):
            moved = total_update(state.model, self._weights_at_start).item()
            self._tell_once("loss", guessing(report, num_classes=self._num_classes, moved=moved, lr=lr))

    def _is_guessing(self, report: EpochReport) -> bool:
        return (
            report.train_loss >= GUESSING_LOSS_RATIO * math.log(self._num_classes)
            and report.train_accuracy < GUESSING_ACCURACY_RATIO / self._num_classes
        )

    def _tell_once(self, what: str, sentence: str) -> None:
        if what not in self._told:
            self._told.add(what)
            self._tell(sentence)


def dead_layer(layer: str, share: float, *, images: int, epoch: int, lr: ConfiguredLr) -> str:
    """Returns the warning about a layer whose units are 0 for every image, but for a few. share: in [0, 1]."""
    return (
        f"after epoch {epoch}, {share:.0%} of the units of {layer} put out 0 for each of {images} images: no gradient "
        f"passes through them, so they stay dead, and what lies before them no longer learns. Begin again with "
        f"{lr.key}={_round(lr.value / 10)} (it is {lr.value:g}), or write LeakyReLU in the place of {layer}"
    )


def layer_without_gradient(layer: str, *, step: int) -> str:
    """Returns the warning about a layer whose weights have no gradient."""
    return (
        f"after step {step}, the gradient of the weights of {layer} is exactly 0, while other layers have one: it does "
        f"not learn. See that its output reaches the loss; an activation that is shut for every image (the curves "
        f"activations/<layer>/dead in TensorBoard) or a factor of 0 stands between. To leave it as it is on purpose, "
        f"write train.freeze=[{layer}.*]"
    )


def guessing(report: EpochReport, *, num_classes: int, moved: float, lr: ConfiguredLr) -> str:
    """Returns the warning about a network that still guesses. moved: the weights' change, relative to their norm."""
    finding = (
        f"epoch {report.epoch} ends with a training loss of {report.train_loss:.3f} and {report.train_accuracy:.1%}: "
        f"guessing among {num_classes} classes gives ln {num_classes} = {math.log(num_classes):.3f} and "
        f"{1 / num_classes:.1%}, so nothing has been learnt. "
    )
    if moved < BARELY_MOVED:
        return (
            f"{finding}The weights have moved by {100 * moved:.2g}% of their norm: the steps are too small. "
            f"Try {lr.key}={_round(10 * lr.value)} or more (it is {lr.value:g})"
        )
    if report.train_loss > 1.05 * math.log(num_classes):
        return (
            f"{finding}The loss is worse than a guess and the weights have moved by {moved:.0%}: the steps are too "
            f"large. Try {lr.key}={_round(lr.value / 10)} (it is {lr.value:g}), or train.clip_grad_norm=1"
        )
    return (
        f"{finding}The weights have moved by {moved:.0%}, to no use. Try {lr.key}={_round(10 * lr.value)} and "
        f"{_round(lr.value / 10)} (it is {lr.value:g}), ReLU in the place of Sigmoid or Tanh, or BatchNorm2d after "
        f"each convolution"
    )


def _round(lr: float) -> str:
    """Returns 0.003 for 0.0031, and 10 where a plain format to one digit would give 1e+01."""
    return f"{float(f'{lr:.1g}'):g}"
