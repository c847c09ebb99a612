"""A white page, measured in inches, that holds pictures and text and grows with them.

Plain matplotlib figures cannot grow, and an axes per tile is slow for hundreds of tiles.
"""

import textwrap
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import ClassVar

import numpy as np
from matplotlib import colormaps
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.font_manager import FontProperties
from matplotlib.image import AxesImage
from matplotlib.patches import Rectangle
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.figures.style import DPI, FONT, INK, MONO_FONT, PALE, PAPER, POINTS_PER_INCH

SMALLEST_SIZE = 6.0  # points: smaller letters cannot be read, and a longer text is cut


@dataclass
class Canvas:
    """x runs to the right and y downwards from the upper left corner, in inches."""

    text_at_y: ClassVar[str] = "top"  # the part of a line of text that is at y

    figure: Figure = field(default_factory=lambda: Figure(dpi=DPI, facecolor=PAPER))

    def __post_init__(self) -> None:
        FigureCanvasAgg(self.figure)
        self.axes = self.figure.add_axes((0, 0, 1, 1))
        self.axes.set_axis_off()

    def picture(self, pixels: Tensor, *, x: float, y: float, width: float, height: float) -> None:
        """Draws a picture, uint8 (1 or 3, H, W) or (H, W), into the box; its pixels stay sharp squares."""
        array = pixels.expand(3, *pixels.shape[-2:]).permute(1, 2, 0).numpy()
        # Not imshow, nor add_patch below: both fit the limits of the axes anew to each of some thousand artists.
        image = AxesImage(self.axes, interpolation="nearest", extent=(x, x + width, y + height, y))
        image.set_data(array)
        self.axes.add_artist(image)

    def bar(self, *, x: float, y: float, width: float, height: float, colour: str) -> None:
        """Draws a filled rectangle; a negative width runs to the left."""
        self.axes.add_artist(Rectangle((x, y), width, height, facecolor=colour, linewidth=0))

    def frame(
        self, *, x: float, y: float, width: float, height: float, colour: str, points: float, dashed: bool = False
    ) -> None:
        """Draws an empty rectangle with a line of that many points."""
        style = "--" if dashed else "-"
        box = Rectangle((x, y), width, height, fill=False, edgecolor=colour, linewidth=points, linestyle=style)
        box.set_zorder(3)  # above pictures
        self.axes.add_artist(box)

    def colour_scale(
        self, colour_map: str, *, x: float, y: float, width: float, ends: Sequence[str] = (), size: float = 6.5
    ) -> None:
        """Draws a scale of colours from the lowest, at the left, to the highest, 0.08 inches high.

        ends: two or three labels beneath it, evenly spaced; size: of the labels, in points.
        """
        height = 0.08
        shades = colormaps[colour_map](np.arange(256))[None, :, :3]
        self.axes.imshow(shades, extent=(x, x + width, y + height, y), aspect="auto")
        self.frame(x=x, y=y, width=width, height=height, colour=PALE, points=0.5)
        aligns = ("left", "center", "right") if len(ends) == 3 else ("left", "right")
        for number, (text, align) in enumerate(zip(ends, aligns, strict=False)):
            right = width * number / (len(ends) - 1)
            self.write(text, x=x + right, y=y + height + 0.03, size=size, colour=PALE, align=align)

    def write(
        self,
        text: str,
        *,
        x: float,
        y: float,
        size: float = 8,
        colour: str = INK,
        align: str = "left",
        vertical: str | None = None,
        bold: bool = False,
        mono: bool = False,
        max_width: float | None = None,
    ) -> None:
        """Writes one line of text; size is in points. Where it is wider than `max_width`, it is made to fit."""
        if max_width is not None:
            text, size = self.fitted(text, size=size, bold=bold, max_width=max_width)
        self.axes.text(
            x,
            y,
            text,
            fontsize=size,
            color=colour,
            ha=align,
            va=vertical or self.text_at_y,
            weight="bold" if bold else "normal",
            family=MONO_FONT if mono else FONT,
            parse_math=False,  # a class name or a title may hold a dollar sign
        )

    def text_width(self, text: str, *, size: float, bold: bool = False) -> float:
        """Returns the width of a line of text that `write` writes in this size."""
        renderer = FigureCanvasAgg(self.figure).get_renderer()  # type: ignore[no-untyped-call]
        font = FontProperties(family=FONT, size=size, weight="bold" if bold else "normal")
        pixels: float = renderer.get_text_width_height_descent(text, font, ismath=False)[0]
        return pixels / self.figure.dpi

    def fitted(self, text: str, *, size: float, max_width: float, bold: bool = False) -> tuple[str, float]:
        """Returns a text and its size with which it is not wider than that: in smaller letters, and then shorter."""
        if len(text) * size <= max_width * POINTS_PER_INCH:  # no letter is wider than high
            return text, size
        while size > SMALLEST_SIZE and self.text_width(text, size=size, bold=bold) > max_width:
            size = max(SMALLEST_SIZE, size - 0.25)
        length = len(text)
        while length > 1 and self.text_width(text, size=size, bold=bold) > max_width:
            length -= 1
            text = formatting.shortened(text, length=length)
        return text, size

    def paragraph(self, text: str, *, x: float, y: float, width: float, size: float = 8, colour: str = PALE) -> float:
        """Writes text broken into lines that fit the width; returns the y beneath it."""
        letters = int(width * POINTS_PER_INCH / (0.53 * size))  # DejaVu Sans: a letter is about 0.53 of its size wide
        for line in textwrap.wrap(text, max(20, letters)):
            self.write(line, x=x, y=y, size=size, colour=colour)
            y += 1.5 * size / POINTS_PER_INCH
        return y

    def finish(self, *, width: float, height: float, inches: float = 1.0) -> Figure:
        """Cuts the page to this size and returns it. inches: the unit of all lengths."""
        self.figure.set_size_inches(width * inches, height * inches)
        self.axes.set_xlim(0, width)
        self.axes.set_ylim(height, 0)
        return self.figure
