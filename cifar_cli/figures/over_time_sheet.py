"""Draws a layer through the epochs of its training: a line per filter or channel, a column per epoch."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli.figures.canvas import FAINT, PALE, Canvas
from cifar_cli.figures.heading import MARGIN, draw_heading, draw_rule

# In inches.
SIDE, GAP = 0.62, 0.07
NUMBER_WIDTH = 0.35  # a line's number stands left of it
PICTURE_SIDE = 1.1
BLOCK_GAP = 0.4
SMALLEST_PAGE_WIDTH = 9.5  # the heading has room
CHANNELS = 16


def draw_over_time_sheet(
    name: str,
    *,
    signature: str,
    epochs: Sequence[str],
    features: Tensor,
    filters: Tensor | None,
    picture: Tensor,
    title: str,
    facts: Sequence[str],
    captions: Sequence[str],
) -> Figure:
    """Returns a sheet of tiles as a training recorded them at E epochs.

    epochs: E headings; features: uint8 (E, C, h, w), of one image, greys; filters: uint8 (E, O, 3, kh, kw), where the
    layer has some to show; picture: that image, uint8 (3, H, W). A map that is a wide strip gets a line per epoch.
    """
    is_strip = features.shape[1] == 1 and features.shape[3] > 2 * features.shape[2]
    block_width = NUMBER_WIDTH + len(epochs) * (SIDE + GAP)
    blocks = 1 if filters is None else 2
    needed = 2 * MARGIN + PICTURE_SIDE + BLOCK_GAP + blocks * block_width + (blocks - 1) * BLOCK_GAP
    page_width = max(SMALLEST_PAGE_WIDTH, needed)
    canvas = Canvas()
    y = draw_heading(
        canvas,
        f"{name} over time",
        title=title,
        signature=signature,
        facts=facts,
        captions=captions,
        page_width=page_width,
    )
    y = draw_rule(canvas, y=y, page_width=page_width)
    height = PICTURE_SIDE * picture.shape[1] / picture.shape[2]
    canvas.picture(picture, x=MARGIN, y=y + 0.45, width=PICTURE_SIDE, height=height)
    ramp_y = y + 0.55 + height
    canvas.ramp("gray", x=MARGIN, y=ramp_y, width=PICTURE_SIDE, height=0.08)
    for text, right, align in (("lowest", 0.0, "left"), ("highest", PICTURE_SIDE, "right")):
        canvas.write(text, x=MARGIN + right, y=ramp_y + 0.11, size=7, colour=PALE, align=align)
    lowest_bottom = ramp_y + 0.3
    x = MARGIN + PICTURE_SIDE + BLOCK_GAP
    if is_strip:
        bottom = _draw_strips(canvas, features[:, 0], epochs, x=x, y=y, width=page_width - MARGIN - x)
        return canvas.finish(width=page_width, height=max(bottom, lowest_bottom) + 0.2)
    bottom = lowest_bottom
    if filters is not None:
        bottom = max(bottom, _draw_block(canvas, "its filters", filters[:, :CHANNELS], epochs, x=x, y=y))
        x += block_width + BLOCK_GAP
    heading = "what they make of the image" if filters is not None else "what it makes of the image"
    bottom = max(bottom, _draw_block(canvas, heading, features[:, :CHANNELS, None], epochs, x=x, y=y))
    return canvas.finish(width=page_width, height=bottom + 0.2)


def _draw_block(canvas: Canvas, heading: str, tiles: Tensor, epochs: Sequence[str], *, x: float, y: float) -> float:
    """Draws tiles uint8 (E, C, 1 or 3, h, w), a line per channel; returns the y beneath."""
    canvas.write(heading, x=x + NUMBER_WIDTH, y=y, size=9, bold=True)
    rows, columns = tiles.shape[-2:]
    height = SIDE * min(2.0, max(0.2, rows / columns))
    for column, epoch in enumerate(epochs):
        left = x + NUMBER_WIDTH + column * (SIDE + GAP)
        for line, text in enumerate(epoch.split("\n")):
            canvas.write(text, x=left, y=y + 0.2 + 0.12 * line, size=7, colour=PALE)
        for channel, tile in enumerate(tiles[column]):
            top = y + 0.48 + channel * (height + GAP)
            canvas.picture(tile, x=left, y=top, width=SIDE, height=height)
            if column == 0:
                middle = top + height / 2
                canvas.write(
                    str(channel), x=x + NUMBER_WIDTH - 0.08, y=middle, size=7.5, align="right", vertical="center"
                )
    return y + 0.48 + tiles.shape[1] * (height + GAP)


def _draw_strips(canvas: Canvas, strips: Tensor, epochs: Sequence[str], *, x: float, y: float, width: float) -> float:
    """Draws strips uint8 (E, h, w), a line per epoch; returns the y beneath."""
    left = x + 1.0
    height = max(0.25, (width - 1.0) * strips.shape[1] / strips.shape[2])
    for number, (epoch, strip) in enumerate(zip(epochs, strips, strict=True)):
        top = y + 0.45 + number * (height + 2 * GAP)
        middle = top + height / 2
        canvas.write(epoch.replace("\n", ", "), x=left - 0.1, y=middle, size=7.5, align="right", vertical="center")
        canvas.picture(strip, x=left, y=top, width=width - 1.0, height=height)
        canvas.frame(x=left, y=top, width=width - 1.0, height=height, colour=FAINT, points=0.4)
    return y + 0.45 + len(epochs) * (height + 2 * GAP)
