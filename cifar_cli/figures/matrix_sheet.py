"""Draws tensors as grids of numbers on a page, for the lessons.

A value's colour runs from blue for negative over white to orange for positive.
"""

from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.figures.scaling import fraction_of
from cifar_cli.figures.style import DPI, FONT, INK, PALE, PAPER, RED

CELL_INCHES = 0.52


class MatrixSheet:
    """A page on which matrices and text are set from left to right, measured in cells; y runs downwards."""

    def __init__(self, title: str, *, width: float, height: float) -> None:
        self.figure = Figure(figsize=(width * CELL_INCHES, height * CELL_INCHES), dpi=DPI, facecolor=PAPER)
        self._axes = self.figure.add_axes((0, 0, 1, 1))
        self._axes.set_xlim(0, width)
        self._axes.set_ylim(height, 0)
        self._axes.set_axis_off()
        self.write(title, x=0.4, y=0.7, size=12, bold=True)

    def grid(self, values: Tensor, *, x: float, y: float, title: str = "", note: str = "", cell: float = 1.0) -> None:
        """Draws a matrix (H, W) with its upper left corner at (x, y), its title above and a note beneath."""
        height, width = values.shape
        fractions = fraction_of(values, values.abs().max())
        if title:
            self.write(title, x=x, y=y - 0.35, size=9)
        for row in range(height):
            for column in range(width):
                value, shade = float(values[row, column]), _shade(float(fractions[row, column]))
                left, top = x + column * cell, y + row * cell
                box = Rectangle((left, top), cell, cell, facecolor=shade, edgecolor=PAPER, lw=1.5)
                self._axes.add_patch(box)
                text = formatting.signed(value, digits=0 if value == round(value) else 2)
                self.write(text, x=left + cell / 2, y=top + cell / 2, size=8, align="center", vertical="center")
        if note:
            self.write(note, x=x, y=y + height * cell + 0.4, size=8, colour=PALE)

    def outline(
        self, *, x: float, y: float, width: float, height: float, colour: str = RED, dashed: bool = False
    ) -> None:
        """Draws a frame around a window."""
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
        """Writes text; size is in points."""
        self._axes.text(
            x,
            y,
            text,
            fontsize=size,
            color=colour,
            ha=align,
            va=vertical,
            weight="bold" if bold else "normal",
            family=FONT,
            parse_math=False,
        )


def _shade(fraction: float) -> tuple[float, float, float]:
    """Returns a colour for -1 … 1, light enough for black text on it."""
    end = (0.98, 0.72, 0.47) if fraction > 0 else (0.58, 0.77, 0.93)
    red, green, blue = (1 + (channel - 1) * abs(fraction) for channel in end)
    # Zero is a pale grey, not the page's white: the edge of a matrix stays visible.
    return (red * 0.965, green * 0.965, blue * 0.965)
