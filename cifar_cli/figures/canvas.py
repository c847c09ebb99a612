"""A white page measured in inches on which pictures and words are set, and which grows to hold them.

Knows nothing of networks. Plain matplotlib figures cannot grow, and an axes per tile is slow for hundreds of tiles.
"""

import textwrap
from dataclasses import dataclass, field

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle
from torch import Tensor

DPI = 150
POINTS_PER_INCH = 72
INK, PALE, FAINT, GOOD, BAD = "#222222", "#777777", "#cccccc", "#1a7f37", "#c62828"
FRAME = "#ff2bd6"  # of a receptive field on a photograph: a colour that photographs hardly hold


@dataclass
class Canvas:
    """x runs to the right and y downwards from the upper left corner, in inches."""

    figure: Figure = field(default_factory=lambda: Figure(dpi=DPI, facecolor="white"))

    def __post_init__(self) -> None:
        FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()

    def picture(self, pixels: Tensor, *, x: float, y: float, width: float, height: float) -> None:
        """Sets a picture, uint8 (1 or 3, H, W) or (H, W), into the box; its pixels stay sharp squares."""
        array = pixels.expand(3, *pixels.shape[-2:]).permute(1, 2, 0).numpy()
        extent = (x, x + width, y + height, y)
        self.axes.imshow(array, extent=extent, interpolation="nearest", aspect="auto")

    def bar(self, *, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Sets a filled rectangle; a negative width runs to the left."""
        self.axes.add_patch(Rectangle((x, y), width, height, facecolor=colour, linewidth=0))

    def frame(self, *, x: float, y: float, width: float, height: float, colour: str, points: float) -> None:
        """Sets an empty rectangle, its line so many points thick."""
        edge = to_rgb(colour)
        self.axes.add_patch(Rectangle((x, y), width, height, fill=False, edgecolor=edge, linewidth=points, zorder=3))

    def ramp(self, colour_map: str, *, x: float, y: float, width: float, height: float) -> None:
        """Sets a scale of colours from its lowest, at the left, to its highest."""
        shades = colormaps[colour_map](np.arange(256))[None, :, :3]
        self.axes.imshow(shades, extent=(x, x + width, y + height, y), aspect="auto")
        self.frame(x=x, y=y, width=width, height=height, colour=PALE, points=0.5)

    def write(
        self,
        text: str,
        *,
        x: float,
        y: float,
        size: float = 8,
        colour: str = INK,
        align: str = "left",
        vertical: str = "top",
        bold: bool = False,
        mono: bool = False,
    ) -> None:
        """Sets one line of text; size is in points."""
        family = "DejaVu Sans Mono" if mono else "DejaVu Sans"
        weight = "bold" if bold else "normal"
        # parse_math: a class name or a title may hold a dollar sign.
        self.axes.text(
            x,
            y,
            text,
            fontsize=size,
            color=colour,
            ha=align,
            va=vertical,
            weight=weight,
            family=family,
            parse_math=False,
        )

    def paragraph(self, text: str, *, x: float, y: float, width: float, size: float = 8, colour: str = PALE) -> float:
        """Sets text broken into lines that fit the width; returns the y beneath it."""
        letters = int(width * POINTS_PER_INCH / (0.53 * size))  # DejaVu Sans: a letter is about 0.53 of its size wide
        for line in textwrap.wrap(text, max(20, letters)):
            self.write(line, x=x, y=y, size=size, colour=colour)
            y += 1.5 * size / POINTS_PER_INCH
        return y

    def finish(self, *, width: float, height: float) -> Figure:
        """Cuts the page to this size and returns it."""
        self.figure.set_size_inches(width, height)
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        return self.figure
