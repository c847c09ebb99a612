"""Lesson `optimizer`: one step of SGD by hand, why gradients are set to zero, and a decreasing loss."""

import torch
from matplotlib.figure import Figure
from torch import nn

from cifar_cli.figures.curves import curves_figure, plot
from cifar_cli.figures.style import BLUE, ORANGE, PALE
from cifar_cli.formatting import signed
from cifar_cli.lessons.blackboard import Blackboard

X, TARGET, START, LR = 2.0, 8.0, 1.0, 0.01
EPOCHS, EXAMPLES, BATCH_SIZE = 12, 96, 16


def gradient_by_hand(w: float) -> float:
    """Returns the slope of (w·x − target)² at w: 2·x·(w·x − target)."""
    return 2 * X * (w * X - TARGET)


def steps(*, number: int, zero_grad: bool = True) -> list[tuple[float, float, float]]:
    """Returns the parameter, its gradient and the new parameter of each step of torch's SGD on (w·x − target)²."""
    w = torch.tensor(START, requires_grad=True)
    optimizer = torch.optim.SGD([w], lr=LR)
    history = []
    for _ in range(number):
        if zero_grad:
            optimizer.zero_grad()
        loss = (w * X - TARGET) ** 2
        loss.backward()
        before = w.item()
        assert w.grad is not None
        optimizer.step()
        history.append((before, w.grad.item(), w.item()))
    return history


def summed_losses(*, zero_grad: bool = True, lr: float = 0.1) -> list[float]:
    """Returns the sum of the batch losses for each epoch of a small classification."""
    torch.manual_seed(0)
    points = torch.randn(EXAMPLES, 2)
    labels = (points[:, 0] * points[:, 1] > 0).long()  # no straight line separates the classes
    model = nn.Sequential(nn.Linear(2, 16), nn.Tanh(), nn.Linear(16, 2))
    optimizer = torch.optim.SGD(model.parameters(), lr=lr, momentum=0.9)
    loss_of = nn.CrossEntropyLoss()
    sums = []
    for _ in range(EPOCHS):
        total = 0.0
        for batch in torch.arange(EXAMPLES).split(BATCH_SIZE):
            loss = loss_of(model(points[batch]), labels[batch])
            if zero_grad:
                optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            total += loss.item()  # .item(): the tensor would keep the whole graph in memory
        sums.append(total)
    return sums


def draw(with_zero_grad: list[float], without: list[float]) -> Figure:
    """Draws w after each step, and the summed losses, with and without zero_grad."""
    figure, (left, right) = curves_figure("With and without zero_grad", panels=2)
    for zero_grad, label, colour in ((True, "zero_grad each step", BLUE), (False, "never: gradients add up", ORANGE)):
        values = [START, *(after for _, _, after in steps(number=40, zero_grad=zero_grad))]
        left.plot(range(41), values, color=colour, linewidth=1.8, label=label)
    left.axhline(TARGET / X, color=PALE, linewidth=0.8, linestyle=":")
    left.set_title("w, step by step; dotted: w = 4, where the loss is 0", loc="left", fontsize=10)
    left.set_xlabel("step", fontsize=9)
    plot(right, with_zero_grad, label="zero_grad each step", colour=BLUE)
    plot(right, without, label="never: gradients add up", colour=ORANGE)
    right.set_title("sum of the batches' losses", loc="left", fontsize=10)
    right.set_xlabel("epoch", fontsize=9)
    right.set_yscale("log")
    right.legend(frameon=False, fontsize=9)
    return figure


def run(board: Blackboard) -> None:
    """Computes one step by hand, shows steps without zero_grad, then trains for a few epochs."""
    board.step("One step by hand")
    board.say("One parameter w = 1, one example x = 2 whose target is 8, the loss (w·x − 8)².")
    board.line("gradient   2·x·(w·x − 8) = 2·2·(1·2 − 8) = −24")
    board.line("step       w − lr·gradient = 1 − 0.01·(−24) = 1.24")

    board.step("The same by torch.optim.SGD, three steps")
    board.line(f"{'parameter':>10}{'gradient':>11}{'after':>9}     gradient by hand")
    for before, gradient, after in steps(number=3):
        board.line(f"{before:>10.4f}{signed(gradient):>11}{after:>9.4f}     {signed(gradient_by_hand(before))}")
    board.say("backward() computes the gradient, step() updates the parameter. The loss is 0 at w = 4.")

    board.step("Without zero_grad")
    board.line(f"{'parameter':>10}{'gradient':>11}{'after':>9}     gradient by hand")
    for before, gradient, after in steps(number=3, zero_grad=False):
        board.line(f"{before:>10.4f}{signed(gradient):>11}{after:>9.4f}     {signed(gradient_by_hand(before))}")
    board.trap("backward() adds to the old gradient: −24 + (−22.08) + … The steps follow old slopes and overshoot.")
    board.right("call optimizer.zero_grad() before every backward(), except to sum the gradients of small batches.")

    board.step("A decreasing loss")
    board.say(f"{EXAMPLES} points, {EXAMPLES // BATCH_SIZE} batches per epoch. The sum of the losses of each epoch:")
    with_zero_grad, without = summed_losses(), summed_losses(zero_grad=False)
    board.line(f"{'epoch':>5}{'summed loss':>14}{'without zero_grad':>20}")
    for epoch, (good, bad) in enumerate(zip(with_zero_grad, without, strict=True), start=1):
        board.line(f"{epoch:>5}{good:>14.4f}{bad:>20.4f}")
    board.trap(
        "a sum of batch means grows with the number of batches, so runs with other batch sizes cannot be compared."
    )
    board.right("sum loss · batch size, and divide once by the number of examples, as cifar train does.")

    board.curve("summed_loss/with_zero_grad", with_zero_grad)
    board.curve("summed_loss/without_zero_grad", without)
    board.picture("optimizer", draw(with_zero_grad, without))
    board.remember(
        "A step is zero_grad, forward, loss, backward, step; SGD moves each parameter by −lr · gradient.",
        "Gradients add up until zero_grad sets them to zero.",
    )
