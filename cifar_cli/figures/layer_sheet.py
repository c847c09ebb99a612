"""Draws on one sheet what a layer does to real images. Knows views, pictures and names, nothing of datasets or runs."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli.analysis.capture import LayerView
from cifar_cli.analysis.describe_layer import describe_layer, signature
from cifar_cli.analysis.receptive_field import PixelBox
from cifar_cli.figures.canvas import BAD, GOOD, PALE, Canvas
from cifar_cli.figures.channel_legend import draw_channel_legend
from cifar_cli.figures.heading import MARGIN, draw_heading, draw_rule
from cifar_cli.figures.image_with_box import draw_image_with_box
from cifar_cli.figures.tiles import to_pictures
from cifar_cli.figures.value_rows import NUMBER_HEIGHT, TileRow, value_row

# In inches.
PICTURE_SIDE = 1.1
BAND_LEFT = MARGIN + PICTURE_SIDE + 0.55
SMALLEST_PAGE_WIDTH = 9.5  # the heading has room

INPUT_CHANNELS = 16  # one line of tiles
SIDES = {"in": "Input", "out": "Output"}  # else the name of the activation that follows


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
    zero_shares: Tensor | None = None,
    frame: PixelBox | None = None,
    max_channels: int = 32,
) -> Figure:
    """Returns a sheet: what the layer is, its channels with their filters and ranges, and then image by image.

    images: (B, 1 or 3, H, W), uint8 or float in [0, 1], as a person should see them; labels, predictions: a class name
    per image; class_names: those of the scores, set beside an output of as many values; title: where the picture comes
    from; notes: more sentences for the heading; after: the activation that the output goes into; zero_shares: (C,), in
    [0, 1], of each channel's values after the activation; frame: around pixels of each image.

    A channel's colours span its values over these images. The layer's input is drawn as well where it is not the image
    itself.
    """
    output = value_row(view.output, max_channels=max_channels, class_names=class_names)
    bands = [] if view.reads_images else [("in", value_row(view.input, max_channels=INPUT_CHANNELS))]
    bands.append(("out", output))
    if after is not None:
        bands.append((after.name, value_row(after.output, max_channels=max_channels, class_names=class_names)))
    page_width = max(SMALLEST_PAGE_WIDTH, BAND_LEFT + max(band.width for _, band in bands) + MARGIN)
    canvas = Canvas()
    captions = ["Input: the image itself."] if view.reads_images else []
    captions += [f"{SIDES.get(side, f'After {side}')}: {band.caption}" for side, band in bands]
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
        y = draw_channel_legend(canvas, view, output, x=BAND_LEFT, y=y, note_x=MARGIN, zero_shares=zero_shares)
    for index, picture in enumerate(to_pictures(images)):
        y = draw_rule(canvas, y=y, page_width=page_width)
        predicted = predictions[index] if predictions is not None else None
        picture_bottom = _draw_image(canvas, picture, labels[index], predicted, y=y, frame=frame)
        for number, (side, band) in enumerate(bands):
            top = y + (0.08 if number else 0.0)
            _draw_side(canvas, side, y=top)
            y = band.draw(canvas, index, x=BAND_LEFT, y=top)
        y = max(picture_bottom, y)
    return canvas.finish(width=page_width, height=y + 0.25)


def _draw_side(canvas: Canvas, word: str, *, y: float) -> None:
    canvas.write(word, x=BAND_LEFT - 0.12, y=y + NUMBER_HEIGHT, size=8, colour=PALE, align="right")


def _draw_image(
    canvas: Canvas, picture: Tensor, label: str, predicted: str | None, *, y: float, frame: PixelBox | None
) -> float:
    rows, columns = picture.shape[-2:]
    height = PICTURE_SIDE * rows / columns
    draw_image_with_box(canvas, picture, frame, x=MARGIN, y=y, width=PICTURE_SIDE)
    canvas.write(label, x=MARGIN, y=y + height + 0.06, size=9, bold=True)
    if predicted is None:
        return y + height + 0.28
    mark, colour = ("✓", GOOD) if predicted == label else ("✗", BAD)
    canvas.write(f"{mark} {predicted}", x=MARGIN, y=y + height + 0.24, size=8, colour=colour)
    return y + height + 0.45
