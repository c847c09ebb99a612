"""Draws tensors as grids of numbers on a page, for the lessons, in the colours of every picture of signed values."""

from matplotlib.patches import Rectangle
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.colours import SIGNED_LEGEND, cell_colours
from cifar_cli.figures.style import FAINT, PALE, PAPER, RED

CELL_INCHES = 0.52


class MatrixSheet(Canvas):
    """A page on which matrices and text are set from left to right, measured in cells; y runs downwards."""

    text_at_y = "baseline"

    def __init__(self, title: str, *, width: float, height: float) -> None:
        super().__init__()
        self.finish(width=width, height=height, inches=CELL_INCHES)
        self.write(title, x=0.4, y=0.7, size=12, bold=True)
        self.write(f"Colours: {SIGNED_LEGEND}, of each matrix.", x=0.4, y=1.2, size=7, colour=PALE)

    def grid(self, values: Tensor, *, x: float, y: float, title: str = "", note: str = "", cell: float = 1.0) -> None:
        """Draws a matrix (H, W) with its upper left corner at (x, y), its title above and a note beneath."""
        height, width = values.shape
        colours = cell_colours(values)
        if title:
            self.write(title, x=x, y=y - 0.35, size=9)
        for row in range(height):
            for column in range(width):
                value, colour = float(values[row, column]), colours[row][column]
                left, top = x + column * cell, y + row * cell
                # A frame around each cell: zero is as white as the page.
                box = Rectangle((left, top), cell, cell, facecolor=colour.fill, edgecolor=FAINT, lw=0.8)
                self.axes.add_patch(box)
                text = formatting.signed(value, digits=0 if value == round(value) else 2)
                self.write(
                    text,
                    x=left + cell / 2,
                    y=top + cell / 2,
                    size=8,
                    colour=colour.text,
                    align="center",
                    vertical="center",
                )
        if note:
            self.write(note, x=x, y=y + height * cell + 0.4, size=8, colour=PALE)

    def outline(
        self, *, x: float, y: float, width: float, height: float, colour: str = RED, dashed: bool = False
    ) -> None:
        """Draws a frame around a window, with a white edge: it is to be seen on cells of any colour."""
        self.frame(x=x, y=y, width=width, height=height, colour=PAPER, points=4.4)
        self.frame(x=x, y=y, width=width, height=height, colour=colour, points=2.2, dashed=dashed)
