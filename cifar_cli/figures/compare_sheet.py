"""Draws the same layer of two networks side by side, on the same images: before training and after."""

from collections.abc import Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli.analysis.capture import LayerView
from cifar_cli.analysis.describe_layer import describe_layer, signature
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.channel_legend import draw_channel_legend
from cifar_cli.figures.heading import draw_heading, draw_rule
from cifar_cli.figures.image_with_box import draw_image_with_box
from cifar_cli.figures.scaling import to_pictures
from cifar_cli.figures.style import MARGIN, PALE
from cifar_cli.figures.value_rows import TileRow, value_row

# In inches.
PICTURE_SIDE = 1.1
COLUMN_LEFT = MARGIN + PICTURE_SIDE + 0.35
LEGEND_NOTE_WIDTH = 1.35  # the explanation of the legend, left of each column
COLUMN_WIDTH, COLUMN_GAP = 6.85, 0.5
CHANNELS, CHANNELS_PER_LINE = 16, 8


@dataclass(frozen=True)
class ComparedLayer:
    """The layer of one network.

    facts: sentences on the layer's values; predictions: a class name per image, empty for an untrained network.
    """

    heading: str
    view: LayerView
    facts: Sequence[str]
    predictions: Sequence[str]


def draw_compare_sheet(
    left: ComparedLayer,
    right: ComparedLayer,
    *,
    images: Tensor,
    labels: Sequence[str],
    class_names: Sequence[str],
    title: str,
) -> Figure:
    """Returns a sheet with a column for each network: facts about its layer, and the layer's values for each image.

    images: (B, 1 or 3, H, W), uint8 or float in [0, 1]; labels: a class name per image; class_names: of the scores,
    written beside an output of as many values.
    """
    compared = (left, right)
    rows = [
        value_row(
            layer.view.output,
            max_channels=CHANNELS,
            class_names=class_names,
            columns=CHANNELS_PER_LINE,
            max_width=COLUMN_WIDTH,
        )
        for layer in compared
    ]
    lefts = [COLUMN_LEFT + number * (COLUMN_WIDTH + COLUMN_GAP + LEGEND_NOTE_WIDTH) for number in range(2)]
    page_width = lefts[1] + COLUMN_WIDTH + MARGIN
    canvas = Canvas()
    y = draw_heading(
        canvas,
        f"{left.view.name}: {left.heading}, and {right.heading}",
        title=title,
        signature=signature(left.view.module),
        facts=[],
        captions=[f"{layer.heading.capitalize()}: {row.caption}" for layer, row in zip(compared, rows, strict=True)],
        page_width=page_width,
    )
    y = draw_rule(canvas, y=y, page_width=page_width)
    bottoms = []
    for layer, x in zip(compared, lefts, strict=True):
        canvas.write(layer.heading, x=x, y=y, size=12, bold=True)
        below = y + 0.27
        for fact in [*describe_layer(layer.view), *layer.facts]:
            below = canvas.paragraph(fact, x=x, y=below, width=COLUMN_WIDTH, size=8)
        bottoms.append(below)
    y = max(bottoms)
    if isinstance(rows[0], TileRow) and isinstance(rows[1], TileRow):
        y = draw_rule(canvas, y=y, page_width=page_width)
        y = max(
            draw_channel_legend(canvas, layer.view, row, x=x, y=y, note_x=x - LEGEND_NOTE_WIDTH)
            for layer, row, x in zip(compared, rows, lefts, strict=True)
            if isinstance(row, TileRow)
        )
    for index, picture in enumerate(to_pictures(images)):
        y = draw_rule(canvas, y=y, page_width=page_width)
        picture_bottom = draw_image_with_box(canvas, picture, None, x=MARGIN, y=y, width=PICTURE_SIDE)
        canvas.write(labels[index], x=MARGIN, y=picture_bottom + 0.06, size=9, bold=True, max_width=PICTURE_SIDE)
        bottom = picture_bottom + 0.28
        for layer, row, x in zip(compared, rows, lefts, strict=True):
            if layer.predictions:
                canvas.write("taken for", x=x - 0.15, y=y + 0.13, size=7, colour=PALE, align="right")
                canvas.write(
                    layer.predictions[index],
                    x=x - 0.15,
                    y=y + 0.25,
                    size=8,
                    align="right",
                    max_width=LEGEND_NOTE_WIDTH,
                )
            bottom = max(bottom, row.draw(canvas, index, x=x, y=y))
        y = bottom
    return canvas.finish(width=page_width, height=y + 0.2)
