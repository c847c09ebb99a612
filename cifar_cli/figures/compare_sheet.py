"""Draws the same layer of two networks side by side, on the same images: before its training and after."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli.analysis.capture import LayerView
from cifar_cli.analysis.describe_layer import describe_layer, signature
from cifar_cli.figures.canvas import PALE, Canvas
from cifar_cli.figures.channel_legend import draw_channel_legend
from cifar_cli.figures.heading import MARGIN, draw_heading, draw_rule
from cifar_cli.figures.tiles import to_pictures
from cifar_cli.figures.value_rows import TileRow, value_row

# In inches.
PICTURE_SIDE = 1.1
COLUMN_LEFT = MARGIN + PICTURE_SIDE + 0.35
KEY_WIDTH = 1.35  # how the key is to be read, left of each column
COLUMN_WIDTH, COLUMN_GAP = 6.85, 0.5
CHANNELS, CHANNELS_PER_LINE = 16, 8


@dataclass(frozen=True)
class Side:
    """One of the two networks. facts: sentences on what its layer did; predictions: a class name per image, if told."""

    heading: str
    view: LayerView
    facts: Sequence[str]
    predictions: Sequence[str]


def draw_compare_sheet(
    left: Side, right: Side, *, images: Tensor, labels: Sequence[str], class_names: Sequence[str], title: str
) -> Figure:
    """Returns a sheet with two columns: what each network's layer is like, and what it makes of each image.

    images: (B, 1 or 3, H, W), uint8 or float in [0, 1]; labels: a class name per image; class_names: those of
    the scores, set beside an output of as many values.
    """
    sides = (left, right)
    bands = [
        value_row(
            side.view.output,
            max_channels=CHANNELS,
            class_names=class_names,
            columns=CHANNELS_PER_LINE,
            max_width=COLUMN_WIDTH,
        )
        for side in sides
    ]
    lefts = [COLUMN_LEFT + number * (COLUMN_WIDTH + COLUMN_GAP + KEY_WIDTH) for number in range(2)]
    page_width = lefts[1] + COLUMN_WIDTH + MARGIN
    canvas = Canvas()
    y = draw_heading(
        canvas,
        f"{left.view.name}: {left.heading}, and {right.heading}",
        title=title,
        signature=signature(left.view.module),
        facts=[],
        captions=[f"{side.heading.capitalize()}: {band.caption}" for side, band in zip(sides, bands, strict=True)],
        page_width=page_width,
    )
    y = draw_rule(canvas, y=y, page_width=page_width)
    bottoms = []
    for side, x in zip(sides, lefts, strict=True):
        canvas.write(side.heading, x=x, y=y, size=12, bold=True)
        below = y + 0.27
        for fact in [*describe_layer(side.view), *side.facts]:
            below = canvas.paragraph(fact, x=x, y=below, width=COLUMN_WIDTH, size=8)
        bottoms.append(below)
    y = max(bottoms)
    if isinstance(bands[0], TileRow) and isinstance(bands[1], TileRow):
        y = draw_rule(canvas, y=y, page_width=page_width)
        y = max(
            draw_channel_legend(canvas, side.view, band, x=x, y=y, note_x=x - KEY_WIDTH)
            for side, band, x in zip(sides, bands, lefts, strict=True)
            if isinstance(band, TileRow)
        )
    for index, picture in enumerate(to_pictures(images)):
        y = draw_rule(canvas, y=y, page_width=page_width)
        height = PICTURE_SIDE * picture.shape[1] / picture.shape[2]
        canvas.picture(picture, x=MARGIN, y=y, width=PICTURE_SIDE, height=height)
        canvas.write(labels[index], x=MARGIN, y=y + height + 0.06, size=9, bold=True)
        bottom = y + height + 0.28
        for side, band, x in zip(sides, bands, lefts, strict=True):
            if side.predictions:
                canvas.write("taken for", x=x - 0.15, y=y + 0.13, size=7, colour=PALE, align="right")
                canvas.write(side.predictions[index], x=x - 0.15, y=y + 0.25, size=8, align="right")
            bottom = max(bottom, band.draw(canvas, index, x=x, y=y))
        y = bottom
    return canvas.finish(width=page_width, height=y + 0.2)
