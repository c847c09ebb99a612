"""Draws on one sheet what a layer does to real images. Knows views, pictures and names, nothing of datasets or runs."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli.insight.bands import NUMBER_HEIGHT, TileBand, band_of
from cifar_cli.insight.canvas import BAD, GOOD, INK, PALE, Canvas
from cifar_cli.insight.channel_key import draw_channel_key
from cifar_cli.insight.describe import describe, signature
from cifar_cli.insight.layers import LayerView
from cifar_cli.insight.tiles import to_pictures

# In inches.
MARGIN = 0.4
PICTURE_SIDE = 1.1
BAND_LEFT = MARGIN + PICTURE_SIDE + 0.55
SMALLEST_PAGE_WIDTH = 9.5  # the heading has room

INPUT_CHANNELS = 16  # one line of tiles


def draw_layer_sheet(
    view: LayerView,
    *,
    images: Tensor,
    labels: Sequence[str],
    predictions: Sequence[str] | None = None,
    class_names: Sequence[str] = (),
    title: str = "",
    max_channels: int = 32,
) -> Figure:
    """Returns a sheet: what the layer is, its channels with their filters and ranges, and then image by image.

    images: (B, 1 or 3, H, W), uint8 or float in [0, 1], as a person should see them; labels, predictions: a class name
    per image; class_names: all of them, set beside an output of as many values; title: where the picture comes from.

    A channel's grey runs from its lowest value over these images (black) to its highest (white). The layer's input is
    drawn as well where it is not the image itself.
    """
    output = band_of(view.output, max_channels=max_channels, class_names=class_names)
    received = None if view.reads_images else band_of(view.input, max_channels=INPUT_CHANNELS)
    band_width = max(output.width, received.width if received else 0)
    page_width = max(SMALLEST_PAGE_WIDTH, BAND_LEFT + band_width + MARGIN)
    canvas = Canvas()
    captions = ["Input: " + (received.caption if received else "the image itself."), "Output: " + output.caption]
    y = _draw_heading(canvas, view, title, captions, page_width=page_width)
    if isinstance(output, TileBand):
        y = _draw_rule(canvas, y=y, page_width=page_width)
        y = draw_channel_key(canvas, view.module, output, x=BAND_LEFT, y=y, note_x=MARGIN)
    for index, picture in enumerate(to_pictures(images)):
        y = _draw_rule(canvas, y=y, page_width=page_width)
        predicted = predictions[index] if predictions is not None else None
        picture_bottom = _draw_image(canvas, picture, labels[index], predicted, y=y)
        if received:
            _draw_side(canvas, "in", y=y)
            y = received.draw(canvas, index, x=BAND_LEFT, y=y) + 0.08
        _draw_side(canvas, "out", y=y)
        y = max(picture_bottom, output.draw(canvas, index, x=BAND_LEFT, y=y))
    return canvas.finish(width=page_width, height=y + 0.25)


def _draw_heading(canvas: Canvas, view: LayerView, title: str, captions: Sequence[str], *, page_width: float) -> float:
    width = page_width - 2 * MARGIN
    canvas.write(view.name, x=MARGIN, y=0.35, size=18, bold=True)
    canvas.write(title, x=page_width - MARGIN, y=0.42, size=9, colour=PALE, align="right")
    canvas.write(signature(view.module), x=MARGIN, y=0.75, size=9.5, mono=True)
    y = 1.05
    for fact in describe(view):
        y = canvas.paragraph(fact, x=MARGIN, y=y, width=width, size=9, colour=INK)
    for caption in captions:
        y = canvas.paragraph(caption, x=MARGIN, y=y, width=width, size=9)
    return y + 0.08


def _draw_rule(canvas: Canvas, *, y: float, page_width: float) -> float:
    canvas.bar(x=MARGIN, y=y + 0.08, width=page_width - 2 * MARGIN, height=0.008, colour="#dddddd")
    return y + 0.2


def _draw_side(canvas: Canvas, word: str, *, y: float) -> None:
    canvas.write(word, x=BAND_LEFT - 0.12, y=y + NUMBER_HEIGHT, size=8, colour=PALE, align="right")


def _draw_image(canvas: Canvas, picture: Tensor, label: str, predicted: str | None, *, y: float) -> float:
    rows, columns = picture.shape[-2:]
    height = PICTURE_SIDE * rows / columns
    canvas.picture(picture, x=MARGIN, y=y, width=PICTURE_SIDE, height=height)
    canvas.write(label, x=MARGIN, y=y + height + 0.06, size=9, bold=True)
    if predicted is None:
        return y + height + 0.28
    mark, colour = ("✓", GOOD) if predicted == label else ("✗", BAD)
    canvas.write(f"{mark} {predicted}", x=MARGIN, y=y + height + 0.24, size=8, colour=colour)
    return y + height + 0.45
