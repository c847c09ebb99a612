"""Draws a layer at several times of its training: a line per filter or channel, a column per time."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.colours import SIGNED_ENDS, ColourTiles, colour_strips, colour_tiles
from cifar_cli.figures.heading import draw_heading, draw_rule
from cifar_cli.figures.style import FAINT, MARGIN, PALE
from cifar_cli.figures.tiles import filter_tiles_over_time
from cifar_cli.figures.value_rows import tile_height

# In inches.
SIDE, GAP = 0.62, 0.07
NUMBER_WIDTH = 0.35  # a line's number stands left of it
RANGE_HEIGHT = 0.1  # a map's lowest and highest value stand beneath it
PICTURE_SIDE = 1.1
BLOCK_GAP = 0.4
STRIP_NAME_WIDTH = 1.6
SMALLEST_PAGE_WIDTH = 9.5  # room for the heading
CHANNELS = 16


def draw_over_time_sheet(
    name: str,
    *,
    signature: str,
    times: Sequence[str],
    features: Tensor,
    filters: Tensor | None,
    picture: Tensor,
    num_channels: int,
    title: str,
    facts: Sequence[str],
) -> Figure:
    """Returns a sheet of a layer's values as a training recorded them at E times.

    times: E headings of one or two lines; features: float32 (E, C, h, w) or (E, F), of one image; filters: float32
    (E, O, 1 or 3, kh, kw), where the layer has filters to show; picture: that image, uint8 (3, H, W); num_channels: how
    many the layer has, with those that were not recorded. A vector gets a strip per time.
    """
    is_vector = features.dim() == 2
    tiles = colour_strips(features) if is_vector else colour_tiles(features[:, :CHANNELS])
    block_width = NUMBER_WIDTH + len(times) * (SIDE + GAP)
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
        captions=[_caption(tiles, num_channels, is_vector=is_vector, has_filters=filters is not None)],
        page_width=page_width,
    )
    y = draw_rule(canvas, y=y, page_width=page_width)
    height = PICTURE_SIDE * picture.shape[1] / picture.shape[2]
    canvas.picture(picture, x=MARGIN, y=y + 0.45, width=PICTURE_SIDE, height=height)
    ends = SIGNED_ENDS if tiles.is_signed else ("lowest", "highest")
    canvas.colour_scale(tiles.colour_map, x=MARGIN, y=y + 0.55 + height, width=PICTURE_SIDE, ends=ends)
    bottom = y + 0.85 + height
    x = MARGIN + PICTURE_SIDE + BLOCK_GAP
    if is_vector:
        width = page_width - MARGIN - x
        bottom = max(bottom, _draw_strips(canvas, tiles.pixels[:, 0], features, times, x=x, y=y, width=width))
        return canvas.finish(width=page_width, height=bottom + 0.2)
    heading = "what it makes of the image"
    if filters is not None:
        pictures = filter_tiles_over_time(filters[:, :CHANNELS])
        bottom = max(bottom, _draw_block(canvas, "its filters", pictures, times, x=x, y=y))
        x += block_width + BLOCK_GAP
        heading = "what they make of the image"
    shown = features[:, :CHANNELS]
    bottom = max(bottom, _draw_block(canvas, heading, tiles.pixels, times, x=x, y=y, values=shown))
    return canvas.finish(width=page_width, height=bottom + 0.2)


def _caption(tiles: ColourTiles, num_channels: int, *, is_vector: bool, has_filters: bool) -> str:
    shown = tiles.pixels.shape[1]
    count = ""
    if not is_vector:
        channels = formatting.count(num_channels, "channel")
        count = f"All {channels}. " if shown == num_channels else f"The first {shown} of {channels}. "
    scale = "One scale for all times" if is_vector else "Each channel has one scale for all times"
    filters = " Each filter has one scale for all times; mid-grey is 0." if has_filters else ""
    beside = "beside" if is_vector else "beneath"
    return f"{count}{scale} ({tiles.legend}); {beside} each time its own lowest … highest value.{filters}"


def _draw_block(
    canvas: Canvas,
    heading: str,
    pictures: Tensor,
    times: Sequence[str],
    *,
    x: float,
    y: float,
    values: Tensor | None = None,
) -> float:
    """Draws pictures uint8 (E, C, 1 or 3, h, w), a line per channel, with the range of their values (E, C, h, w).

    Returns the y beneath.
    """
    canvas.write(heading, x=x + NUMBER_WIDTH, y=y, size=9, bold=True)
    height = tile_height(pictures, width=SIDE)
    pitch = height + GAP + (0.0 if values is None else RANGE_HEIGHT)
    for column, time in enumerate(times):
        left = x + NUMBER_WIDTH + column * (SIDE + GAP)
        for line, text in enumerate(time.split("\n")):
            canvas.write(text, x=left, y=y + 0.2 + 0.12 * line, size=7, colour=PALE)
        for channel, picture in enumerate(pictures[column]):
            top = y + 0.48 + channel * pitch
            canvas.picture(picture, x=left, y=top, width=SIDE, height=height)
            canvas.frame(x=left, y=top, width=SIDE, height=height, colour=FAINT, points=0.4)
            if values is not None:
                text = _value_range(values[column, channel])
                size = min(5.5, 66 / len(text))  # points; a long range ends before its neighbour begins
                canvas.write(text, x=left, y=top + height + 0.01, size=size, colour=PALE)
            if column == 0:
                number_x = x + NUMBER_WIDTH - 0.08
                canvas.write(str(channel), x=number_x, y=top + height / 2, size=7.5, align="right", vertical="center")
    return y + 0.48 + pictures.shape[1] * pitch


def _draw_strips(
    canvas: Canvas, strips: Tensor, vectors: Tensor, times: Sequence[str], *, x: float, y: float, width: float
) -> float:
    """Draws strips uint8 (E, 3, h, w), a line per time, with the range of the vectors (E, F); returns the y beneath."""
    left, strip_width = x + STRIP_NAME_WIDTH, width - STRIP_NAME_WIDTH
    height = max(0.32, strip_width * strips.shape[2] / strips.shape[3])
    for number, (time, strip, vector) in enumerate(zip(times, strips, vectors, strict=True)):
        top = y + 0.45 + number * (height + 2 * GAP)
        middle = top + height / 2
        name_x = left - 0.1
        canvas.write(time.replace("\n", ", "), x=name_x, y=middle - 0.07, size=7.5, align="right", vertical="center")
        range_text = _value_range(vector)
        canvas.write(range_text, x=name_x, y=middle + 0.07, size=6.5, colour=PALE, align="right", vertical="center")
        canvas.picture(strip, x=left, y=top, width=strip_width, height=height)
        canvas.frame(x=left, y=top, width=strip_width, height=height, colour=FAINT, points=0.4)
    return y + 0.45 + len(times) * (height + 2 * GAP)


def _value_range(values: Tensor) -> str:
    finite = values[values.isfinite()]
    if not len(finite):
        return "no finite number"
    return formatting.value_range(finite.min().item(), finite.max().item(), digits=2)
