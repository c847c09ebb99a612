"""Lesson `linear-regression`: a straight line fitted in three ways, why b is wrong, and how to correct it."""

import warnings
from collections.abc import Iterator
from dataclasses import dataclass, field

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn
from torch.nn.functional import mse_loss

from cifar_cli.figures.curves import curves_figure, plot
from cifar_cli.figures.style import BLUE, GREEN, ORANGE, PALE, RED
from cifar_cli.formatting import signed
from cifar_cli.lessons.blackboard import Blackboard

W, B = 10.0, 5.0  # the true line
# The final b depends on the initial b; with the seeds below b ends near the tutorial's 8.1, 9.0 and 8.7.
EXAMPLES, BATCH_SIZE, EPOCHS = 10_000, 100, 5


@dataclass
class Fit:
    """The current w and b, and b after each step."""

    w: float = 0.0
    b: float = 0.0
    b_history: list[float] = field(default_factory=list)

    def record(self, w: float, b: float) -> None:
        """Records w and b after a step."""
        self.w, self.b = w, b
        self.b_history.append(b)


def make_data() -> tuple[Tensor, Tensor]:
    """Returns x = 0, 0.01, …, 99.99 and y = 10x + 5 + noise of standard deviation 1. (10000,), (10000,)."""
    x = torch.arange(EXAMPLES) / 100
    noise = torch.randn(EXAMPLES, generator=torch.Generator().manual_seed(0))
    return x, W * x + B + noise


def batches(*, shuffle: bool) -> Iterator[Tensor]:
    """Yields the indices of each batch of all epochs. (100,)."""
    for _ in range(EPOCHS):
        order = torch.randperm(EXAMPLES) if shuffle else torch.arange(EXAMPLES)
        yield from order.split(BATCH_SIZE)


def fit_tensors(*, shuffle: bool = False, seed: int = 1) -> Fit:
    """Fits two plain tensors, the tutorial's first way: (100, 1) is compared with (100,)."""
    torch.manual_seed(seed)
    x, y = make_data()
    w, b = torch.randn(1, requires_grad=True), torch.randn(1, requires_grad=True)
    optimizer = torch.optim.Adam([w, b], lr=0.1, weight_decay=0.1)
    fit = Fit()
    for batch in batches(shuffle=shuffle):
        prediction = x[batch, None] * w + b  # (100, 1)
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # torch warns: (100, 1) − (100,) is (100, 100)
            loss = mse_loss(prediction, y[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fit.record(w.item(), b.item())
    return fit


class FittedLine(nn.Module):
    """A layer of our own with two registered parameters, for the second way."""

    def __init__(self) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.empty(1, 1).uniform_(-1, 1))
        self.bias = nn.Parameter(torch.empty(1).uniform_(-1, 1))

    def forward(self, x: Tensor) -> Tensor:
        return x @ self.weight.T + self.bias  # (B, 1)


def fit_module(line: FittedLine | nn.Linear, *, lr: float) -> Fit:
    """Fits a module with a weight and a bias, the second and the third way: both shapes are equal."""
    x, y = make_data()
    optimizer = torch.optim.Adam(line.parameters(), lr=lr, weight_decay=0.1)
    fit = Fit()
    for batch in batches(shuffle=False):
        loss = mse_loss(line(x[batch, None]), y[batch, None])  # (100, 1) both
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        fit.record(line.weight.item(), line.bias.item())
    return fit


def fit_parameter() -> Fit:
    """Fits nn.Parameter, the second way."""
    torch.manual_seed(0)
    return fit_module(FittedLine(), lr=0.1)


def fit_linear() -> Fit:
    """Fits nn.Linear, the third way."""
    torch.manual_seed(2)
    return fit_module(nn.Linear(1, 1), lr=0.05)


def fit_mended(*, scale: bool = True, shuffle: bool = True, weight_decay: float = 0.0, adam: bool = False) -> Fit:
    """Fits x scaled to mean 0 and standard deviation 1, shuffled, without weight decay, with SGD.

    Each argument undoes one of these corrections.
    """
    torch.manual_seed(0)
    x, y = make_data()
    mean, std = (x.mean(), x.std()) if scale else (torch.tensor(0.0), torch.tensor(1.0))
    scaled = (x - mean) / std
    line = nn.Linear(1, 1)
    if adam:
        optimizer: torch.optim.Optimizer = torch.optim.Adam(line.parameters(), lr=0.1, weight_decay=weight_decay)
    else:
        optimizer = torch.optim.SGD(line.parameters(), lr=0.05, weight_decay=weight_decay)
    fit = Fit()
    for batch in batches(shuffle=shuffle):
        loss = mse_loss(line(scaled[batch, None]), y[batch, None])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # y = w' (x − mean) / std + b'  =  (w' / std) x  +  (b' − w' mean / std)
        w = line.weight.item() / std.item()
        fit.record(w, line.bias.item() - w * mean.item())
    return fit


def least_squares() -> tuple[float, float]:
    """Returns the best w and b by formula: w = cov(x, y) / var(x), b = mean(y) − w·mean(x)."""
    x, y = (values.double() for values in make_data())
    w = ((x - x.mean()) * (y - y.mean())).sum() / ((x - x.mean()) ** 2).sum()
    return w.item(), (y.mean() - w * x.mean()).item()


def draw(ways: dict[str, Fit], mended: Fit) -> Figure:
    """Draws b after each step, for the tutorial's three ways and for the corrected fit."""
    figure, (left, right) = curves_figure("Where b goes: it should come to 5 (dotted)", panels=2)
    for (name, fit), colour in zip(ways.items(), (BLUE, ORANGE, GREEN), strict=True):
        plot(left, fit.b_history, label=name, colour=colour)
    plot(right, mended.b_history, label="mended", colour=RED)
    left.set_title("the three ways: in order, unscaled, decayed", loc="left", fontsize=10)
    right.set_title("shuffled, scaled, no decay", loc="left", fontsize=10)
    right.set_ylim(-3, 20)
    for axes in (left, right):
        axes.axhline(B, color=PALE, linewidth=1, linestyle=":")
        axes.set_xlabel("step of 500", fontsize=9)
        axes.legend(frameon=False, fontsize=9)
    return figure


def run(board: Blackboard) -> None:
    """Fits in three ways, explains the two mistakes, and corrects them."""
    x, y = make_data()
    board.step("The task")
    board.say(
        "Given 10,000 points x = 0, 0.01, …, 99.99 with y = 10x + 5 + noise, find w = 10 and b = 5 with Adam: batches "
        "of 100, 5 epochs, weight decay 0.1."
    )
    w, b = least_squares()
    board.line(f"the best line by formula      w {w:8.4f}   b {b:8.4f}")

    board.step("Three ways to write it")
    ways = {"plain tensors": fit_tensors(), "nn.Parameter": fit_parameter(), "nn.Linear": fit_linear()}
    for name, fit in ways.items():
        board.line(f"{name:<29} w {signed(fit.w):>8}   b {signed(fit.b):>8}")
    board.say(
        "All three find w, but not b, which has not converged; its final value depends on its initial value. The "
        "tutorial ends near w 9.97, b 8.1; w 9.96, b 9.0; w 9.95, b 8.7."
    )

    board.step("First mistake: (100,) against (100, 1)")
    batch = torch.arange(BATCH_SIZE)
    prediction, target = x[batch, None] * W + B, y[batch]
    shapes = [tuple(values.shape) for values in (prediction, target, prediction - target)]
    board.line(f"prediction {shapes[0]}   target {shapes[1]}   prediction − target {shapes[2]}")
    board.line(f"loss of the true line, broadcast      {broadcast_loss(prediction, target):8.4f}")
    board.line(f"loss of the true line, right shapes   {mse_loss(prediction, target[:, None]):8.4f}, the noise alone")
    board.trap(
        "each prediction is compared with all hundred targets. torch prints a warning and continues. The result is "
        "good only because the points are in order, so that a batch has similar targets. With shuffled points the "
        "target of each x is the mean of all y:"
    )
    shuffled = fit_tensors(shuffle=True)
    board.line(f"{'the first way, shuffled':<29} w {shuffled.w:8.4f}   b {shuffled.b:8.4f}")
    board.right("give both tensors the same shape: y[batch, None] is (100, 1). Read warnings.")

    board.step("Second mistake: a scale and an order that suit no optimizer")
    board.trap(
        "x goes up to 100, so w changes the loss about 3300 times as much as b (the mean of x² against 1): w converges "
        "quickly, b slowly. In order, the last batches are all near x = 100, where b hardly matters."
    )
    board.right("scale x to mean 0 and standard deviation 1, shuffle, use no weight decay, and use plain SGD:")
    mended = fit_mended()
    board.line(f"{'mended':<29} w {mended.w:8.4f}   b {mended.b:8.4f}")
    board.say("Each correction is needed. With one of them undone at a time:")
    for name, fit in (
        ("without scaling", fit_mended(scale=False)),
        ("without shuffling", fit_mended(shuffle=False)),
        ("with weight decay 0.1", fit_mended(weight_decay=0.1)),
        ("with Adam, lr 0.1", fit_mended(adam=True)),
    ):
        board.line(f"{name:<29} w {signed(fit.w):>8}   b {signed(fit.b):>8}")
    board.say(
        "Without scaling, SGD diverges. Weight decay pulls w and the mean of y towards 0. Adam changes a parameter by "
        "about lr per step: 500 steps of 0.1 change it by 50, but the slope for the scaled x is 10 · 28.87 = 289."
    )

    for name, fit in {**ways, "mended": mended}.items():
        board.curve(f"b/{name}", fit.b_history)
    board.picture("linear-regression", draw(ways, mended))
    board.remember(
        "Check shapes before the loss: broadcasting turns a mistake into a number.",
        "Scale the inputs, shuffle, and know what weight decay changes; then b is 5.",
        "A good w and a small loss do not prove that a fit is right.",
    )


def broadcast_loss(prediction: Tensor, target: Tensor) -> float:
    """Returns the mean over all pairs, as mse_loss computes for (B, 1) and (B,)."""
    return (prediction - target).square().mean().item()
