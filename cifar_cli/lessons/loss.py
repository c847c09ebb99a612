"""Lesson `loss`: how far off a network is, as one number; and why cross-entropy wants logits."""

import math

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifar_cli.figures.curves import curves_figure
from cifar_cli.figures.style import BLUE, ORANGE
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
    """Returns the smallest loss with an extra softmax, of a perfect network: −1 + log(e + K − 1)."""
    return -1 + math.log(math.e + classes - 1)


def lead(amount: float) -> Tensor:
    """Returns the logits of ten classes of which the first leads by that much. (10,)."""
    return torch.cat([torch.tensor([amount]), torch.zeros(CLASSES - 1)])


def draw() -> Figure:
    """Draws loss and gradient over the lead of the right class, with and without an extra softmax."""
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
    """Works three losses out by hand beside torch, then shows what an extra softmax costs."""
    board.step("L1: how far off, on average")
    board.show(inputs=INPUTS, targets=TARGETS, distance=(INPUTS - TARGETS).abs())
    board.line(f"by hand                      (0 + 0 + 2) / 3 = {l1(INPUTS, TARGETS):.4f}   summed: 2")
    board.line(f"nn.L1Loss()                  {nn.L1Loss()(INPUTS, TARGETS):.4f}")
    board.line(f"nn.L1Loss(reduction='sum')   {nn.L1Loss(reduction='sum')(INPUTS, TARGETS):.0f}")

    board.step("MSE: squared, so that a large error counts for more")
    board.line(f"by hand                      (0 + 0 + 2²) / 3 = {mse(INPUTS, TARGETS):.4f}")
    board.line(f"nn.MSELoss()                 {nn.MSELoss()(INPUTS, TARGETS):.4f}")
    board.trap(
        "both want inputs and targets of one shape. (3,) against (3, 1) becomes (3, 3) with no more than a "
        "warning; see the lesson linear-regression."
    )

    board.step("Cross-entropy: how improbable was the right class?")
    board.show(logits=LOGITS, softmax=LOGITS.softmax(dim=0))
    board.say("The right class is number 1, the second. By hand, −x[1] + log Σ exp(x):")
    exponentials = [math.exp(logit) for logit in LOGITS.tolist()]
    board.line("−0.2 + log(" + " + ".join(f"{number:.4f}" for number in exponentials) + ")")
    board.line(f"= −0.2 + log({sum(exponentials):.4f}) = {cross_entropy(LOGITS, LABEL):.4f}")
    loss, gradient = loss_and_gradient(LOGITS, LABEL)
    board.line(f"nn.CrossEntropyLoss()(logits, class 1) = {loss:.4f}")
    board.say("Its gradient is softmax minus 1 at the right class: one logit is pulled up, the others are pushed down.")
    board.show(gradient=gradient)

    board.step("A softmax too many")
    board.trap("nn.CrossEntropyLoss has the softmax inside. A Softmax at the network's end makes it two, and no error.")
    board.line(f"{'lead of the right logit':<26}{'loss':>8}{'pull':>9}   {'with extra softmax':>18}{'pull':>9}")
    for amount in (-10.0, -5.0, 0.0, 5.0, 10.0):
        plain = loss_and_gradient(lead(amount), 0)
        twice = loss_and_gradient(lead(amount), 0, extra_softmax=True)
        board.line(f"{amount:<26g}{plain[0]:>8.4f}{-plain[1][0]:>9.4f}   {twice[0]:>18.4f}{-twice[1][0]:>9.4f}")
    floor = best_loss_with_extra_softmax(CLASSES)
    board.say(
        f"With it the loss of ten classes can never fall below −1 + log(e + 9) = {floor:.4f}, "
        "and a network that is surely wrong is hardly told: the pull has vanished just where it is needed."
    )
    board.right("end the network with a plain Linear. For probabilities, take softmax afterwards, outside the loss.")

    board.picture("loss", draw())
    board.take_along(
        "A loss is one number to make small; the mean keeps its size whatever the batch.",
        "Cross-entropy takes logits and whole-number labels: −x[label] + log Σ exp(x). No softmax before it.",
        "A network that guesses among ten classes begins at log 10 = 2.3026: look for it in the first line.",
    )
