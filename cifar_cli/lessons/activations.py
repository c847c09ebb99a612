"""Lesson `activations`: the curves, the gradients and the formulas of fourteen activations of torch."""

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifar_cli.figures.curves import style_axes
from cifar_cli.figures.style import BLUE, DPI, INK, ORANGE, PALE, PAPER
from cifar_cli.formatting import number
from cifar_cli.lessons.activation_table import ACTIVATIONS, Activation, softplus
from cifar_cli.lessons.blackboard import Blackboard

MATRIX = torch.tensor([[1.0, -0.5], [-1.0, 3.0]])
REACH = 8.0  # the curves are drawn from −8 to 8: ReLU6 bends at 6
COLUMNS = 4


def curve_and_gradient(activation: Activation, x: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the outputs of the module at x, and their slopes by autograd. x: (N,) → (N,), (N,)."""
    x = x.clone().requires_grad_()
    y = activation.module().to(x.dtype)(x)
    (slope,) = torch.autograd.grad(y.sum(), x)  # the gradient of the sum, since each y depends on its own x only
    return y.detach(), slope


def largest_difference(activation: Activation) -> float:
    """Returns the largest difference between the formula and torch's module, in double precision between −8 and 8."""
    x = torch.linspace(-REACH, REACH, 1601, dtype=torch.float64)
    y, _ = curve_and_gradient(activation, x)
    return float((activation.formula(x) - y).abs().max())


def relu_in_place(values: Tensor) -> tuple[Tensor, Tensor]:
    """Returns the output of ReLU(inplace=True), and its input afterwards."""
    given = values.clone()
    return nn.ReLU(inplace=True)(given), given


def draw() -> Figure:
    """Draws the curve, the gradient and the properties of all fourteen activations."""
    rows = -(-len(ACTIVATIONS) // COLUMNS)
    figure = Figure(figsize=(15, 4.5 * rows), dpi=DPI, facecolor=PAPER)
    figure.subplots_adjust(left=0.03, right=0.985, top=0.912, bottom=0.085, wspace=0.16, hspace=0.78)
    figure.text(0.03, 0.965, "Fourteen activations and their gradients", fontsize=17, weight="bold", color=INK)
    figure.text(0.03, 0.947, "activation", fontsize=12, color=BLUE, weight="bold")
    figure.text(0.12, 0.947, "its gradient", fontsize=12, color=ORANGE, weight="bold")
    figure.text(0.22, 0.947, "where the gradient is 0, nothing is learnt", fontsize=12, color=PALE)
    x = torch.linspace(-REACH, REACH, 801)
    for place, (name, activation) in enumerate(ACTIVATIONS.items(), start=1):
        y, slope = curve_and_gradient(activation, x)
        axes = figure.add_subplot(rows, COLUMNS, place)
        style_axes(axes)
        axes.axhline(0, color=PALE, linewidth=0.8)
        axes.axvline(0, color=PALE, linewidth=0.8)
        axes.plot(x.numpy(), y.numpy(), color=BLUE, linewidth=2.2)
        axes.plot(x.numpy(), slope.numpy(), "--", color=ORANGE, linewidth=1.6)
        axes.set_xlim(-REACH, REACH)
        is_bounded = float(y.abs().max()) < 1.5  # a larger scale, for the S-shaped curves
        axes.set_ylim((-1.25, 1.25) if is_bounded else (-4, 7))
        axes.set_title(name, loc="left", fontsize=13, weight="bold", color=INK)
        notes = (activation.text, activation.defaults, activation.range, activation.saturates)
        for line, (label, note) in enumerate(zip(("f(x)", "defaults", "range", "saturates"), notes, strict=True)):
            below = -0.2 - 0.1 * line
            axes.text(0, below, label, transform=axes.transAxes, fontsize=9.5, color=PALE)
            axes.text(0.23, below, note, transform=axes.transAxes, fontsize=9.5, color=INK, parse_math=False)
    return figure


def run(board: Blackboard) -> None:
    """Shows ReLU on a matrix, all formulas against torch, and common mistakes."""
    board.step("ReLU on a matrix")
    board.show(x=MATRIX, relu=nn.ReLU()(MATRIX))
    board.say(
        "ReLU computes max(0, x) for every number. Two linear layers without a nonlinear function between them are one."
    )

    board.step("Fourteen formulas, each against torch")
    board.line(f"{'':<11} {'f(x)':<36} {'range':<11} {'differs by'}")
    for name, activation in ACTIVATIONS.items():
        difference = largest_difference(activation)
        differs_by = f"{difference:.0e}" if difference else "0"
        board.line(f"{name:<11} {activation.text:<36} {activation.range:<11} {differs_by}")
    board.say(
        "The differences are rounding errors. The picture shows the defaults and where each activation saturates: its "
        "output comes to a constant and its gradient to 0, however far x goes on. Tanhshrink and Softshrink are flat "
        "around 0 only, which is no saturation."
    )

    board.step("A network learns from the gradient")
    at = torch.tensor([-6.0, -1.0, 0.5, 6.0])
    slopes = {name: curve_and_gradient(ACTIVATIONS[name], at)[1] for name in ("ReLU", "LeakyReLU", "Sigmoid", "Tanh")}
    board.line(f"{'gradient at x =':<16}" + "".join(f"{number(x):>9}" for x in at.tolist()))
    for name, slope in slopes.items():
        board.line(f"{name:<16}" + "".join(f"{value:>9.4f}" for value in slope.tolist()))
    board.say(
        "The gradient of Sigmoid is at most a quarter, so ten Sigmoids in a row pass on less than a millionth of the "
        "gradient. ReLU passes on all of the gradient for x > 0, and nothing for x < 0. A unit whose input is always "
        "negative is dead."
    )

    board.step("inplace=True")
    output, given = relu_in_place(MATRIX)
    board.show(x_before=MATRIX, output=output, x_after=given)
    board.trap(
        "inplace=True saves memory by overwriting its input. Code that still needs the input gets the wrong numbers."
    )
    board.right(
        "use inplace=True only if memory is short. torch raises an error if autograd needs the input, but cannot know "
        "of other code."
    )

    board.step("Formulas with a printing error")
    board.line("max(0, x) + min(0, alpha * (exp(x)1))")
    board.trap("a tutorial prints ELU like this, without the minus sign of exp(x) - 1.")
    try:
        max(0, MATRIX)
    except RuntimeError as error:
        board.trap(f"Python's max() needs a single truth value: max(0, matrix) raises “{error}”.")
    board.right("use x.clamp(min=0), which compares every number, and check a formula against torch, as above.")
    hundred = torch.tensor([100.0])
    board.trap("a correct formula may still overflow: exp(100) is too large for float32.")
    board.show(log_1_plus_exp=softplus(hundred), nn_Softplus=nn.Softplus()(hundred))

    board.picture("activations", draw())
    board.remember(
        "Start with ReLU in hidden layers, GELU or SiLU in larger networks, and Sigmoid for a probability at the end.",
        "Look at the gradient, not only at the curve: where the gradient is 0, the layers before learn nothing.",
        "Check a formula of your own against torch: signs, tensors, overflow.",
    )
