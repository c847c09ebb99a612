"""Draws curves in panels side by side, for the lessons."""

import textwrap
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from cifar_cli.figures.style import DPI, INK, PALE, PAPER, RULE

LETTERS_PER_INCH = 8.5  # of a title


def curves_figure(title: str, *, panels: int, width: float = 9.0, height: float = 3.8) -> tuple[Figure, list[Axes]]:
    """Returns a figure with that many panels side by side, sizes in inches, each with a pale grid."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor=PAPER, layout="constrained")
    lines = textwrap.fill(title, int(width * LETTERS_PER_INCH))  # constrained layout makes room for a second line
    figure.suptitle(lines, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    axes = [figure.add_subplot(1, panels, number) for number in range(1, panels + 1)]
    for panel in axes:
        style_axes(panel)
    return figure, axes


def style_axes(axes: Axes) -> None:
    """Gives a plot a pale grid, and removes its upper and right edge."""
    axes.grid(color=RULE, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.tick_params(labelsize=8, color=PALE)


def plot(axes: Axes, values: Sequence[float], *, label: str, colour: str, dashed: bool = False) -> None:
    """Draws a value per step, counted from 1."""
    style = "--" if dashed else "-"
    axes.plot(range(1, len(values) + 1), values, style, label=label, color=colour, linewidth=1.6)
