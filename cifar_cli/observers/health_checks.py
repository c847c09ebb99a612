"""Says once, while a network trains, that it does not learn, with the figures that show it and what would mend it.

A warning and no error: what is seen may be meant. Knows nothing of TensorBoard.
"""

import math
from collections.abc import Callable

from torch import Tensor

from cifar_cli.analysis.activity import activation_figures, copied_weights, gradient_figures, to_numbers, total_update
from cifar_cli.optim.reported_lr import ConfiguredLr, configured_lr
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState

DEAD_SHARE = 0.9  # of a layer's units; some die in every network with ReLU, and the rest does their work
GUESSING_LOSS_RATIO = 0.99  # of ln(K), the loss of whoever gives all classes the same probability
GUESSING_ACCURACY_RATIO = 1.5  # times 1/K, the accuracy of whoever guesses
BARELY_MOVED = 0.01  # of the weights' norm


class HealthChecks(Observer):
    """Looks at the end of each epoch for dead layers, for layers without gradient, and for a loss that is a guess.

    images: uint8 (B, C, H, W), always the same, which `prepare` makes into what the network takes. tell: says a
    sentence to the person who trains.
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
            return  # what follows has the same cause
        gradients = to_numbers(gradient_figures(state.model))
        for layer, norm in gradients.items():
            if norm == 0 and any(gradients.values()):  # with none anywhere, the last batch was simply right
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
    """Returns what to say of a layer of which that share of the units is 0 for every image."""
    return (
        f"after epoch {epoch}, {share:.0%} of the units of {layer} put out 0 for each of {images} images: no gradient "
        f"passes through them, so they stay dead, and what lies before them no longer learns. Begin again with "
        f"{lr.key}={_round(lr.value / 10)} (it is {lr.value:g}), or write LeakyReLU in the place of {layer}"
    )


def layer_without_gradient(layer: str, *, step: int) -> str:
    """Returns what to say of a layer whose weights nothing moves."""
    return (
        f"after step {step}, the gradient of the weights of {layer} is exactly 0, while other layers have one: it does "
        f"not learn. See that its output reaches the loss; an activation that is shut for every image (the curves "
        f"activations/<layer>/dead in TensorBoard) or a factor of 0 stands between. To leave it as it is on purpose, "
        f"write train.freeze=[{layer}.*]"
    )


def guessing(report: EpochReport, *, num_classes: int, moved: float, lr: ConfiguredLr) -> str:
    """Returns what to say of an epoch that ends where it began; moved: by what share of their norm all weights."""
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
