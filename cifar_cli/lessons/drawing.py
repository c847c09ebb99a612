"""Draws tensors as grids of numbers, and curves in the lessons' one style. Knows no lesson.

A value's colour runs from blue for negative over white to orange for positive.
"""

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

DPI = 150
INK, PALE, GRID = "#222222", "#777777", "#dddddd"
BLUE, ORANGE, GREEN, RED = "#0072b2", "#d55e00", "#007f5f", "#c2185b"  # told apart by colour-blind eyes too
CELL_INCHES = 0.52


class Sheet:
    """A page on which grids of numbers and words are set from left to right, measured in cells; y runs downwards."""

    def __init__(self, title: str, *, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width * CELL_INCHES, height * CELL_INCHES), dpi=DPI, facecolor="white")
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)
        self._axes.set_axis_off()
        self.write(title, x=0.4, y=0.7, size=12, bold=True)

    def grid(self, values: Tensor, *, x: float, y: float, title: str = "", note: str = "", cell: float = 1.0) -> None:
        """Sets a matrix with its upper left corner at (x, y), its title above and a note beneath. values: (H, W)."""
        largest = max(float(values.abs().max()), 1e-9)
        height, width = values.shape
        if title:
            self.write(title, x=x, y=y - 0.35, size=9)
        for row in range(height):
            for column in range(width):
                value = float(values[row, column])
                left, top = x + column * cell, y + row * cell
                box = Rectangle((left, top), cell, cell, facecolor=_shade(value / largest), edgecolor="white", lw=1.5)
                self._axes.add_patch(box)
                text = f"{value:.0f}" if value == round(value) else f"{value:.2f}"
                self.write(text, x=left + cell / 2, y=top + cell / 2, size=8, align="center", vertical="center")
        if note:
            self.write(note, x=x, y=y + height * cell + 0.4, size=8, colour=PALE)

    def outline(
        self, *, x: float, y: float, width: float, height: float, colour: str = RED, dashed: bool = False
    ) -> None:
        """Frames a window."""
        style = "--" if dashed else "-"
        frame = Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=2.2, linestyle=style)
        self._axes.add_patch(frame)

    def write(
        self,
        text: str,
        *,
        x: float,
        y: float,
        size: float = 9,
        colour: str = INK,
        align: str = "left",
        vertical: str = "baseline",
        bold: bool = False,
    ) -> None:
        """Sets text; size is in points."""
        weight = "bold" if bold else "normal"
        self._axes.text(x, y, text, fontsize=size, color=colour, ha=align, va=vertical, weight=weight, parse_math=False)


def curves_figure(title: str, *, panels: int, width: float = 9.0, height: float = 3.8) -> tuple[Figure, list[Axes]]:
    """Returns a figure with that many panels side by side, sizes in inches, each with a quiet grid."""
    figure = Figure(figsize=(width, height), dpi=DPI, facecolor="white", layout="constrained")
    figure.suptitle(title, x=0.01, ha="left", fontsize=12, fontweight="bold", color=INK)
    axes = [figure.add_subplot(1, panels, number) for number in range(1, panels + 1)]
    for panel in axes:
        quieten(panel)
    return figure, axes


def quieten(axes: Axes) -> None:
    """Takes from a plot what does not speak: two of the four edges, and all weight of the grid."""
    axes.grid(color=GRID, linewidth=0.6)
    axes.set_axisbelow(True)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(PALE)
    axes.tick_params(labelsize=8, color=PALE)


def plot(axes: Axes, values: Sequence[float], *, label: str, colour: str, dashed: bool = False) -> None:
    """Draws a value per step, counted from 1."""
    style = "--" if dashed else "-"
    axes.plot(range(1, len(values) + 1), values, style, label=label, color=colour, linewidth=1.6)


def _shade(part: float) -> tuple[float, float, float]:
    """Returns a colour for -1 … 1, light enough for black figures on it."""
    end = (0.98, 0.72, 0.47) if part > 0 else (0.58, 0.77, 0.93)
    strength = abs(part)
    red, green, blue = (1 + (channel - 1) * strength for channel in end)
    # Zero is not the page: a pale grey shows where a matrix ends.
    return (red * 0.965, green * 0.965, blue * 0.965)
