"""The key of a layer sheet: for each channel its filter, the range of its values, and how much of it is zero."""

from math import ceil

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli import formatting
from cifar_cli.analysis.capture import LayerView
from cifar_cli.figures.canvas import BAD, PALE, Canvas
from cifar_cli.figures.tiles import filter_tiles
from cifar_cli.figures.value_rows import NUMBER_HEIGHT, TileRow

KERNELS_PER_ROW = 3  # of a filter on many channels the first nine kernels are shown, in three rows at most
NOTE_WIDTH, NOTE_HEIGHT = 1.15, 1.05  # inches
RANGE_HEIGHT = 0.2  # inches, with the room beneath
ZERO_HEIGHT = 0.11
LARGEST_FILTER = 0.8  # inches


def draw_channel_legend(
    canvas: Canvas,
    view: LayerView,
    band: TileRow,
    *,
    x: float,
    y: float,
    note_x: float,
    zero_shares: Tensor | None = None,
) -> float:
    """Draws the key from (x, y), each channel in the place of its tile in the band, and at note_x how to read it.

    zero_shares: (C,), in [0, 1], of the channels' values after the activation. Returns the y beneath. All in inches.
    """
    filters = filters_of(view)
    _draw_note(canvas, view, band, x=note_x, y=y, is_zero_told=zero_shares is not None)
    width, height = (0.0, 0.0) if filters is None else fitted(filters, side=min(band.tile_width, LARGEST_FILTER))
    line_height = NUMBER_HEIGHT + height + RANGE_HEIGHT + (ZERO_HEIGHT if zero_shares is not None else 0.0)
    for channel, (low, high) in enumerate(zip(band.tiles.low.tolist(), band.tiles.high.tolist(), strict=True)):
        right, down = band.place(channel, line_height=line_height)
        left, top = x + right, y + down
        canvas.write(str(channel), x=left, y=top, size=7, bold=True)
        if filters is not None:
            canvas.picture(filters[channel], x=left, y=top + NUMBER_HEIGHT, width=width, height=height)
        values = (
            f"{formatting.number(low, digits=2)} … {formatting.number(high, digits=2)}"
            if low < high
            else f"always {formatting.number(low, digits=2)}"
        )
        size = min(6.0, 80 / len(values))  # points; a long range ends before its neighbour begins
        canvas.write(values, x=left, y=top + NUMBER_HEIGHT + height + 0.03, size=size, colour=PALE)
        if zero_shares is not None:
            _draw_zero_share(canvas, zero_shares[channel].item(), x=left, y=top + NUMBER_HEIGHT + height + 0.03)
    return max(y + band.lines * line_height, y + NOTE_HEIGHT)


def filters_of(view: LayerView) -> Tensor | None:
    """Returns a convolution's `filter_pictures`, in colour where it reads a colour image; None for another layer."""
    if not isinstance(view.module, nn.Conv2d):
        return None
    return filter_pictures(view.module.weight, is_on_colours=_is_on_colours(view))


def filter_pictures(weight: Tensor, *, is_on_colours: bool) -> Tensor:
    """Returns a convolution's filters (O, I, kH, kW) as a picture each, uint8 (O, 1 or 3, h, w); mid-grey is 0.

    A filter on red, green and blue is a colour picture, one on a single channel a grey one. Of any other the first nine
    kernels are set three to a row, with white lines between them.
    """
    tiles = filter_tiles(weight)
    if tiles.shape[1] == 1 or is_on_colours:
        return tiles
    tiles = tiles[:, : KERNELS_PER_ROW**2]
    count, kernels, height, width = tiles.shape
    rows = ceil(kernels / KERNELS_PER_ROW)
    places = torch.full((count, rows * KERNELS_PER_ROW, height, width), 255, dtype=torch.uint8)
    places[:, :kernels] = tiles
    lined = F.pad(places, (0, 1, 0, 1), value=255)  # (O, 3·rows, kH + 1, kW + 1)
    laid = lined.reshape(count, rows, KERNELS_PER_ROW, height + 1, width + 1).transpose(2, 3)
    return laid.flatten(3, 4).flatten(1, 2)[:, None, :-1, :-1]  # (O, 1, rows·(kH + 1) − 1, 3·kW + 2)


def fitted(pictures: Tensor, *, side: float) -> tuple[float, float]:
    """Returns the width and height of pictures (..., h, w) as large as fits a square of this side, in its unit."""
    height, width = pictures.shape[-2:]
    scale = side / max(height, width)
    return width * scale, height * scale


def _is_on_colours(view: LayerView) -> bool:
    return view.reads_images and isinstance(view.module, nn.Conv2d) and view.module.weight.shape[1] == 3


def _draw_zero_share(canvas: Canvas, share: float, *, x: float, y: float) -> None:
    is_dead = share == 1
    text = "dead" if is_dead else f"{100 * min(share, 0.999):.3g} % zero"  # only a dead one is all zero
    canvas.write(text, x=x, y=y + ZERO_HEIGHT, size=6, colour=BAD if is_dead else PALE, bold=is_dead)


def _draw_note(canvas: Canvas, view: LayerView, band: TileRow, *, x: float, y: float, is_zero_told: bool) -> None:
    canvas.write("channels", x=x, y=y, size=9, bold=True)
    lines = ["number"]
    if isinstance(view.module, nn.Conv2d):
        inputs = view.module.weight.shape[1]
        lines.append("filter (mid-grey: 0)")
        if inputs > 1 and not _is_on_colours(view):
            lines.append(f"  {min(inputs, KERNELS_PER_ROW**2)} of its {inputs} kernels")
    lines.append("lowest … highest value")
    if is_zero_told:
        lines.append("zeros after the activation")
    for line, text in enumerate(lines):
        canvas.write(text, x=x, y=y + 0.19 + 0.125 * line, size=6.5, colour=PALE)
    ramp_y = y + 0.24 + 0.125 * len(lines)
    canvas.ramp(band.tiles.colour_map, x=x, y=ramp_y, width=NOTE_WIDTH, height=0.08)
    ends = ("negative", "0", "positive") if band.tiles.is_signed else ("lowest", "", "highest")
    for place, (text, align) in enumerate(zip(ends, ("left", "center", "right"), strict=True)):
        canvas.write(text, x=x + place * NOTE_WIDTH / 2, y=ramp_y + 0.11, size=6, colour=PALE, align=align)
