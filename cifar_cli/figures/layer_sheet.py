"""Draws on one sheet what a layer does to real images."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli.analysis.capture import LayerView
from cifar_cli.analysis.describe_layer import describe_layer, signature
from cifar_cli.analysis.receptive_field import PixelBox
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.channel_legend import draw_channel_legend
from cifar_cli.figures.heading import draw_heading, draw_rule
from cifar_cli.figures.image_with_box import draw_image_with_box, draw_prediction
from cifar_cli.figures.scaling import to_pictures
from cifar_cli.figures.style import MARGIN, PALE
from cifar_cli.figures.value_rows import NUMBER_HEIGHT, TileRow, colour_names, rows_on_one_scale, value_row

# In inches.
PICTURE_SIDE = 1.1
PICTURE_RIGHT = MARGIN + PICTURE_SIDE
SMALLEST_NAMES_WIDTH = 0.55  # between the image and its values, where the rows' names stand
NAME_SIZE = 8  # in points
NAME_GAP = 0.12  # on either side of a row's name
SMALLEST_PAGE_WIDTH = 9.5  # room for the heading

INPUT_CHANNELS = 16  # one line of tiles
CAPTIONS = {"in": "Input", "out": "Output"}  # a row with another name shows the activation of that name


def draw_layer_sheet(
    view: LayerView,
    *,
    images: Tensor,
    labels: Sequence[str],
    predictions: Sequence[str] | None = None,
    class_names: Sequence[str] = (),
    title: str = "",
    notes: Sequence[str] = (),
    after: LayerView | None = None,
    zero_fractions: Tensor | None = None,
    box: PixelBox | None = None,
    max_channels: int = 32,
) -> Figure:
    """Returns a sheet: what the layer is, its channels with their filters and ranges, and its values image by image.

    images: (B, 1 or 3, H, W), uint8 or float in [0, 1], before normalization; labels, predictions: a class name per
    image; class_names: of the scores, written beside an output of as many values; title: the source of the picture;
    notes: more sentences for the heading; after: the activation that takes the output; zero_fractions: (C,), in [0, 1],
    of each channel's values after the activation; box: drawn on each image.

    A channel's colours span its values over these images. The layer's input is drawn unless it is the image itself and
    the layer mixes its channels. Of a layer that works channel by channel, input and output have the same colours.
    """
    if view.is_channelwise:
        names = colour_names(view.input) if view.reads_images else ()
        before, output = rows_on_one_scale(view.input, view.output, max_channels=max_channels, channel_names=names)
        rows = [("in", before), ("out", output)]
    else:
        output = value_row(view.output, max_channels=max_channels, class_names=class_names)
        rows = [] if view.reads_images else [("in", value_row(view.input, max_channels=INPUT_CHANNELS))]
        rows.append(("out", output))
    if after is not None:
        rows.append((after.name, value_row(after.output, max_channels=max_channels, class_names=class_names)))
    canvas = Canvas()
    longest = max(canvas.text_width(name, size=NAME_SIZE) for name, _ in rows)
    values_left = PICTURE_RIGHT + max(SMALLEST_NAMES_WIDTH, longest + 2 * NAME_GAP)
    page_width = max(SMALLEST_PAGE_WIDTH, values_left + max(row.width for _, row in rows) + MARGIN)
    captions = ["Input: the image itself."] if view.reads_images and not view.is_channelwise else []
    captions += [f"{CAPTIONS.get(name, f'After {name}')}: {row.caption}" for name, row in rows]
    y = draw_heading(
        canvas,
        view.name,
        title=title,
        signature=signature(view.module),
        facts=[*describe_layer(view), *notes],
        captions=captions,
        page_width=page_width,
    )
    if isinstance(output, TileRow):
        y = draw_rule(canvas, y=y, page_width=page_width)
        y = draw_channel_legend(canvas, view, output, x=values_left, y=y, note_x=MARGIN, zero_fractions=zero_fractions)
    for index, picture in enumerate(to_pictures(images)):
        y = draw_rule(canvas, y=y, page_width=page_width)
        predicted = predictions[index] if predictions is not None else None
        picture_bottom = _draw_image(canvas, picture, labels[index], predicted, y=y, box=box)
        for number, (name, row) in enumerate(rows):
            top = y + (0.08 if number else 0.0)
            canvas.write(
                name, x=values_left - NAME_GAP, y=top + NUMBER_HEIGHT, size=NAME_SIZE, colour=PALE, align="right"
            )
            y = row.draw(canvas, index, x=values_left, y=top)
        y = max(picture_bottom, y)
    return canvas.finish(width=page_width, height=y + 0.25)


def _draw_image(
    canvas: Canvas, picture: Tensor, label: str, predicted: str | None, *, y: float, box: PixelBox | None
) -> float:
    bottom = draw_image_with_box(canvas, picture, box, x=MARGIN, y=y, width=PICTURE_SIDE)
    canvas.write(label, x=MARGIN, y=bottom + 0.06, size=9, bold=True, max_width=PICTURE_SIDE)
    if predicted is None:
        return bottom + 0.28
    draw_prediction(canvas, predicted, label, x=MARGIN, y=bottom + 0.24, size=8, max_width=PICTURE_SIDE)
    return bottom + 0.45
