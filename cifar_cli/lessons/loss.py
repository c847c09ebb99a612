"""Lesson `loss`: the error of a network as one number, and why cross-entropy needs logits."""

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifar_cli.figures.curves import curves_figure
from cifar_cli.figures.style import BLUE, ORANGE
from cifar_cli.formatting import signed
from cifar_cli.lessons.blackboard import Blackboard

INPUTS, TARGETS = torch.tensor([1.0, 2.0, 3.0]), torch.tensor([1.0, 2.0, 5.0])
LOGITS, LABEL = torch.tensor([0.1, 0.2, 0.3]), 1
CLASSES = 10


def l1(inputs: Tensor, targets: Tensor) -> float:
    """Returns the mean of |input − target|."""
    distances = [abs(a - b) for a, b in zip(inputs.tolist(), targets.tolist(), strict=True)]
    return math.fsum(distances) / len(distances)


def mse(inputs: Tensor, targets: Tensor) -> float:
    """Returns the mean of (input − target)²."""
    squares = [(a - b) ** 2 for a, b in zip(inputs.tolist(), targets.tolist(), strict=True)]
    return math.fsum(squares) / len(squares)


def cross_entropy(logits: Tensor, label: int) -> float:
    """Returns −logits[label] + log Σ exp(logits), the negative log of the label's probability. logits: (K,)."""
    return -float(logits[label]) + math.log(sum(math.exp(logit) for logit in logits.tolist()))


def loss_and_gradient(logits: Tensor, label: int, *, extra_softmax: bool = False) -> tuple[float, Tensor]:
    """Returns torch's cross-entropy and its gradient with respect to the logits, (K,)."""
    logits = logits.clone().requires_grad_()
    given = logits.softmax(dim=0) if extra_softmax else logits
    loss = nn.CrossEntropyLoss()(given[None], torch.tensor([label]))
    (gradient,) = torch.autograd.grad(loss, logits)
    return loss.item(), gradient


def best_loss_with_extra_softmax(classes: int) -> float:
    """Returns the smallest possible loss with an extra softmax: −1 + log(e + K − 1)."""
    return -1 + math.log(math.e + classes - 1)


def lead(amount: float) -> Tensor:
    """Returns the logits of ten classes, the first larger than the others by `amount`. (10,)."""
    return torch.cat([torch.tensor([amount]), torch.zeros(CLASSES - 1)])


def draw() -> Figure:
    """Draws loss and gradient against the lead of the right class, with and without an extra softmax."""
    figure, (left, right) = curves_figure("Cross-entropy of ten classes, with and without a softmax too many", panels=2)
    leads = torch.linspace(-10, 10, 201).tolist()
    for extra_softmax, label, colour in (
        (False, "logits, as it wants them", BLUE),
        (True, "a softmax too many", ORANGE),
    ):
        points = [loss_and_gradient(lead(amount), 0, extra_softmax=extra_softmax) for amount in leads]
        left.plot(leads, [loss for loss, _ in points], color=colour, linewidth=2, label=label)
        right.plot(leads, [-float(gradient[0]) for _, gradient in points], color=colour, linewidth=2, label=label)
    floor = best_loss_with_extra_softmax(CLASSES)
    left.axhline(floor, color=ORANGE, linewidth=0.8, linestyle=":")
    left.text(-9.8, floor - 0.55, f"never below {floor:.2f}", color=ORANGE, fontsize=9)
    left.set_title("loss", loc="left", fontsize=10)
    right.set_title("pull on the right logit", loc="left", fontsize=10)
    right.annotate(
        "very wrong,\nand hardly any pull",
        (-6, 0.01),
        (-9.5, 0.3),
        fontsize=9,
        color=ORANGE,
        arrowprops={"arrowstyle": "->", "color": ORANGE},
    )
    for axes in (left, right):
        axes.set_xlabel("lead of the right class's logit", fontsize=9)
    right.legend(frameon=False, fontsize=9)
    return figure


def run(board: Blackboard) -> None:
    """Computes three losses by hand and by torch, then shows the effect of an extra softmax."""
    board.step("L1: the mean distance")
    board.show(inputs=INPUTS, targets=TARGETS, distance=(INPUTS - TARGETS).abs())
    board.line(f"by hand                      (0 + 0 + 2) / 3 = {l1(INPUTS, TARGETS):.4f}   summed: 2")
    board.line(f"nn.L1Loss()                  {nn.L1Loss()(INPUTS, TARGETS):.4f}")
    board.line(f"nn.L1Loss(reduction='sum')   {nn.L1Loss(reduction='sum')(INPUTS, TARGETS):.0f}")

    board.step("MSE: the mean of the squares, in which large errors count more")
    board.line(f"by hand                      (0 + 0 + 2²) / 3 = {mse(INPUTS, TARGETS):.4f}")
    board.line(f"nn.MSELoss()                 {nn.MSELoss()(INPUTS, TARGETS):.4f}")
    board.trap(
        "both need inputs and targets of the same shape. (3,) against (3, 1) becomes (3, 3) with only a warning; see "
        "the lesson linear-regression."
    )

    board.step("Cross-entropy: the improbability of the right class")
    board.show(logits=LOGITS, softmax=LOGITS.softmax(dim=0))
    board.say("The right class is class 1, the second. By hand, −x[1] + log Σ exp(x):")
    exponentials = [math.exp(logit) for logit in LOGITS.tolist()]
    board.line("−0.2 + log(" + " + ".join(f"{number:.4f}" for number in exponentials) + ")")
    board.line(f"= −0.2 + log({sum(exponentials):.4f}) = {cross_entropy(LOGITS, LABEL):.4f}")
    loss, gradient = loss_and_gradient(LOGITS, LABEL)
    board.line(f"nn.CrossEntropyLoss()(logits, class 1) = {loss:.4f}")
    board.say("The gradient is the softmax, minus 1 at the right class: a step raises one logit and lowers the others.")
    board.show(gradient=gradient)

    board.step("An extra softmax")
    board.trap(
        "nn.CrossEntropyLoss includes the softmax. A Softmax at the end of the network is a second, without an error."
    )
    board.say(
        "Below, the logit of the right class leads the nine others by a number; pull is minus its gradient, which says "
        "how strongly a step raises it:"
    )
    board.line(f"{'lead of the right logit':<26}{'loss':>8}{'pull':>9}   {'with extra softmax':>18}{'pull':>9}")
    for amount in (-10.0, -5.0, 0.0, 5.0, 10.0):
        plain = loss_and_gradient(lead(amount), 0)
        twice = loss_and_gradient(lead(amount), 0, extra_softmax=True)
        numbers = f"{plain[0]:>8.4f}{-plain[1][0]:>9.4f}   {twice[0]:>18.4f}{-twice[1][0]:>9.4f}"
        board.line(f"{signed(amount, digits=0):<26}{numbers}")
    floor = best_loss_with_extra_softmax(CLASSES)
    board.say(
        f"With an extra softmax the loss of ten classes is never below −1 + log(e + 9) = {floor:.4f}. The gradient of "
        "a network that is certain and wrong is almost 0, just where a large gradient is needed."
    )
    board.right(
        "end the network with a Linear layer. For probabilities, apply softmax to its outputs, outside the loss."
    )

    board.picture("loss", draw())
    board.remember(
        "A loss is one number to minimize; a mean does not depend on the batch size.",
        "Cross-entropy takes logits and integer labels: −x[label] + log Σ exp(x). Put no softmax before it.",
        "The loss of a network that guesses among ten classes is log 10 = 2.3026: look for it at the first step.",
    )
