"""Recognizes a network that answers no better than by guessing, and advises on its learning rate and its layers."""

import math
from typing import NamedTuple

from torch import nn

from cifar_cli import formatting
from cifar_cli.analysis.binomial_test import binomial_tail
from cifar_cli.analysis.formulas import BATCH_NORMS
from cifar_cli.optim.reported_lr import ConfiguredLr

SIGNIFICANCE = 0.001  # the probability that guessing does as well: below it, something has been learnt
GUESSING_LOSS_RATIO = 0.99  # of the loss with the same probability for all classes, which is ln(K) for most losses
WORSE_LOSS_RATIO = 1.05
BARELY_MOVED = 0.01  # of the weights' norm
SATURATING = (nn.Sigmoid, nn.Tanh, nn.Softsign, nn.Hardsigmoid, nn.Hardtanh)
NORMALIZATIONS = (*BATCH_NORMS, nn.GroupNorm, nn.LayerNorm, nn.InstanceNorm2d)


class Score(NamedTuple):
    """The mean loss and the accuracy, in [0, 1], on a number of images."""

    loss: float
    accuracy: float
    images: int


def is_guessing(score: Score, *, num_classes: int, guessing_loss: float) -> bool:
    """Returns whether neither loss nor accuracy is better than by guessing.

    The accuracy is judged by a one-sided exact binomial test against 1/K at the level SIGNIFICANCE. guessing_loss: the
    loss of the same score for every class.
    """
    if score.loss < GUESSING_LOSS_RATIO * guessing_loss:
        return False
    correct = round(score.accuracy * score.images)
    return binomial_tail(correct, score.images, probability=1 / num_classes) >= SIGNIFICANCE


def guessing_finding(train: Score, val: Score | None, *, epoch: int, num_classes: int, guessing_loss: float) -> str:
    """Returns a sentence with the results and what guessing would give. val: None without validation images."""
    scores = {"training": train, "validation": val}
    shown = " and ".join(
        f"a {name} loss of {score.loss:.3f} and accuracy of {formatting.percent(score.accuracy, decimals=1)}"
        for name, score in scores.items()
        if score
    )
    formula = (
        f"ln {num_classes} = " if math.isclose(guessing_loss, math.log(num_classes), rel_tol=1e-5) else "a loss of "
    )
    return (
        f"epoch {epoch} ends with {shown}: guessing among {num_classes} classes gives "
        f"{formula}{guessing_loss:.3f} and {formatting.percent(1 / num_classes, decimals=1)}, and "
        f"the difference is within chance (binomial test, p ≥ {SIGNIFICANCE}), so the network still guesses."
    )


def guessing_advice(model: nn.Module, *, loss_ratio: float, moved: float, lr: ConfiguredLr, lists_layers: bool) -> str:
    """Returns what the weights' change shows, and what to try.

    loss_ratio: the loss over that of guessing; moved: the norm of the weights' change over their norm; lists_layers:
    whether the configuration lists the layers, so that they can be changed there.
    """
    if moved < BARELY_MOVED:
        return (
            f"The weights have moved by {100 * moved:.2g} % of their norm: the steps are too small. "
            f"Try {lr.key}={lr.larger} or more (it is {lr.value:g})"
        )
    moved_text = formatting.percent(moved, decimals=0)
    if loss_ratio > WORSE_LOSS_RATIO:
        return (
            f"The loss is worse than a guess and the weights have moved by {moved_text}: the steps are too large. "
            f"Try {lr.key}={lr.smaller} (it is {lr.value:g}), or train.clip_grad_norm=1"
        )
    changes = "".join(f", {change}" for change in _layer_changes(model)) if lists_layers else ""
    return (
        f"The weights have moved by {moved_text}, to no use. Try {lr.key}={lr.larger} and {lr.smaller} "
        f"(it is {lr.value:g}){changes}"
    )


def _layer_changes(model: nn.Module) -> list[str]:
    """Returns the changes to the layers that help learning and that the model does not have already."""
    modules = dict(model.named_modules())
    changes = [
        f"ReLU in the place of {type(module).__name__} ({name})"
        for name, module in modules.items()
        if isinstance(module, SATURATING)
    ]
    has_norm = any(isinstance(module, NORMALIZATIONS) for module in modules.values())
    if not has_norm and any(isinstance(module, nn.Conv2d) for module in modules.values()):
        changes.append("BatchNorm2d after each convolution")
    return changes
