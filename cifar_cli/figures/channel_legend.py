"""The legend of a layer sheet: for each channel its filter, the range of its values, and its fraction of zeros."""

from torch import Tensor, nn

from cifar_cli import formatting
from cifar_cli.analysis.capture import LayerView
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.colours import SIGNED_ENDS
from cifar_cli.figures.style import BAD, PALE
from cifar_cli.figures.tiles import filter_tiles, join_kernels
from cifar_cli.figures.value_rows import NUMBER_HEIGHT, TileRow

KERNELS_PER_ROW = 3  # of a filter on many channels the first nine kernels are shown, in three rows at most
NOTE_WIDTH, NOTE_HEIGHT = 1.15, 1.05  # inches
RANGE_HEIGHT = 0.2  # inches, with the room beneath
ZERO_HEIGHT = 0.11
LARGEST_FILTER = 0.8  # inches


def draw_channel_legend(
    canvas: Canvas,
    view: LayerView,
    row: TileRow,
    *,
    x: float,
    y: float,
    note_x: float,
    zero_fractions: Tensor | None = None,
) -> float:
    """Draws the legend from (x, y), each channel at the place of its tile in the row, and an explanation at note_x.

    zero_fractions: (C,), in [0, 1], of the channels' values after the activation. Returns the y beneath. All in inches.
    """
    filters = filters_of(view)
    _draw_note(canvas, view, row, x=note_x, y=y, has_zero_fractions=zero_fractions is not None)
    width, height = (0.0, 0.0) if filters is None else fitted(filters, side=min(row.tile_width, LARGEST_FILTER))
    line_height = NUMBER_HEIGHT + height + RANGE_HEIGHT + (ZERO_HEIGHT if zero_fractions is not None else 0.0)
    for channel, (low, high) in enumerate(zip(row.tiles.low.tolist(), row.tiles.high.tolist(), strict=True)):
        right, down = row.place(channel, line_height=line_height)
        left, top = x + right, y + down
        canvas.write(row.name(channel), x=left, y=top, size=7, bold=True)
        if filters is not None:
            canvas.picture(filters[channel], x=left, y=top + NUMBER_HEIGHT, width=width, height=height)
        values = (
            formatting.value_range(low, high, digits=2) if low < high else f"always {formatting.number(low, digits=2)}"
        )
        size = min(6.0, 80 / len(values))  # points; a long range ends before its neighbour begins
        canvas.write(values, x=left, y=top + NUMBER_HEIGHT + height + 0.03, size=size, colour=PALE)
        if zero_fractions is not None:
            _draw_zero_fraction(canvas, zero_fractions[channel].item(), x=left, y=top + NUMBER_HEIGHT + height + 0.03)
    return max(y + row.lines * line_height, y + NOTE_HEIGHT)


def filters_of(view: LayerView) -> Tensor | None:
    """Returns a convolution's `filter_pictures`, in colour where it reads a colour image; None for another layer."""
    if not isinstance(view.module, nn.Conv2d):
        return None
    return filter_pictures(view.module.weight, is_on_colours=_is_on_colours(view))


def filter_pictures(weight: Tensor, *, is_on_colours: bool) -> Tensor:
    """Returns a convolution's filters (O, I, kH, kW) as a picture each, uint8 (O, 1 or 3, h, w); mid-grey is 0.

    A filter on red, green and blue is a colour picture, a filter on a single channel a grey one. Of any other filter
    the first nine kernels are set three to a row, with white lines between them.
    """
    tiles = filter_tiles(weight)
    return tiles if tiles.shape[1] == 1 or is_on_colours else join_kernels(tiles, per_row=KERNELS_PER_ROW)


def fitted(pictures: Tensor, *, side: float) -> tuple[float, float]:
    """Returns the width and height of pictures (..., h, w) as large as fits a square of this side, in its unit."""
    height, width = pictures.shape[-2:]
    scale = side / max(height, width)
    return width * scale, height * scale


def _is_on_colours(view: LayerView) -> bool:
    return view.reads_images and isinstance(view.module, nn.Conv2d) and view.module.weight.shape[1] == 3


def _draw_zero_fraction(canvas: Canvas, fraction: float, *, x: float, y: float) -> None:
    is_dead = fraction == 1
    # Only a dead unit is all zero: 99.97 % is not rounded up to 100 %.
    text = "dead" if is_dead else f"{formatting.number(100 * min(fraction, 0.999))} % zero"
    canvas.write(text, x=x, y=y + ZERO_HEIGHT, size=6, colour=BAD if is_dead else PALE, bold=is_dead)


def _draw_note(canvas: Canvas, view: LayerView, row: TileRow, *, x: float, y: float, has_zero_fractions: bool) -> None:
    canvas.write("channels", x=x, y=y, size=9, bold=True)
    lines = ["name" if row.channel_names else "number"]
    if isinstance(view.module, nn.Conv2d):
        inputs = view.module.weight.shape[1]
        lines.append("filter (mid-grey: 0)")
        if inputs > 1 and not _is_on_colours(view):
            lines.append(f"  {min(inputs, KERNELS_PER_ROW**2)} of its {inputs} kernels")
    lines.append("lowest … highest value")
    if has_zero_fractions:
        lines.append("zeros after the activation")
    for line, text in enumerate(lines):
        canvas.write(text, x=x, y=y + 0.19 + 0.125 * line, size=6.5, colour=PALE)
    ends = SIGNED_ENDS if row.tiles.is_signed else ("lowest", "highest")
    scale_y = y + 0.24 + 0.125 * len(lines)
    canvas.colour_scale(row.tiles.colour_map, x=x, y=scale_y, width=NOTE_WIDTH, ends=ends, size=6)
