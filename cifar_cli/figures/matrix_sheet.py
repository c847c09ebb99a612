"""Draws tensors as grids of numbers on a page, for the lessons.

A value's colour runs from blue for negative over white to orange for positive.
"""

from matplotlib.patches import Rectangle
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.scaling import fraction_of
from cifar_cli.figures.style import PALE, PAPER, RED

CELL_INCHES = 0.52


class MatrixSheet(Canvas):
    """A page on which matrices and text are set from left to right, measured in cells; y runs downwards."""

    text_at_y = "baseline"

    def __init__(self, title: str, *, width: float, height: float) -> None:
        super().__init__()
        self.finish(width=width, height=height, inches=CELL_INCHES)
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
                self.axes.add_patch(box)
                text = formatting.signed(value, digits=0 if value == round(value) else 2)
                self.write(text, x=left + cell / 2, y=top + cell / 2, size=8, align="center", vertical="center")
        if note:
            self.write(note, x=x, y=y + height * cell + 0.4, size=8, colour=PALE)

    def outline(
        self, *, x: float, y: float, width: float, height: float, colour: str = RED, dashed: bool = False
    ) -> None:
        """Draws a frame around a window."""
        self.frame(x=x, y=y, width=width, height=height, colour=colour, points=2.2, dashed=dashed)


def _shade(fraction: float) -> tuple[float, float, float]:
    """Returns a colour for -1 … 1, light enough for black text on it."""
    end = (0.98, 0.72, 0.47) if fraction > 0 else (0.58, 0.77, 0.93)
    red, green, blue = (1 + (channel - 1) * abs(fraction) for channel in end)
    # Zero is a pale grey, not the page's white: the edge of a matrix stays visible.
    return (red * 0.965, green * 0.965, blue * 0.965)
