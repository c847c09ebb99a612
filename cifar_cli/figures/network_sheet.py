"""Draws every layer of a network on one sheet, from the pixels to the scores of the classes."""

from collections.abc import Collection, Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.capture import LayerView, as_maps
from cifar_cli.analysis.dead_units import UnitSparsity
from cifar_cli.analysis.receptive_field import ReceptiveField
from cifar_cli.figures.canvas import BAD, GOOD, PALE, Canvas
from cifar_cli.figures.heading import MARGIN, draw_heading, draw_rule
from cifar_cli.figures.image_with_box import draw_image_with_box
from cifar_cli.figures.tiles import to_pictures
from cifar_cli.figures.value_rows import BarRow, StripRow, TileRow, value_row

# In inches.
TEXT_WIDTH = 2.35
FIELD_LEFT, FIELD_SIDE = MARGIN + TEXT_WIDTH, 0.75
BAND_LEFT = FIELD_LEFT + FIELD_SIDE + 0.35
CHANNELS = 12  # one line of tiles
TILE_PITCH = 0.75
BAND_WIDTH = CHANNELS * TILE_PITCH
PAGE_WIDTH = BAND_LEFT + BAND_WIDTH + MARGIN
LEGEND_WIDTH = 1.1
CAPTIONS = (
    "From top to bottom as the image passes. The framed pixels are those that a number in the middle of the layer "
    "depends on. All channels of a layer share one scale: where nothing is negative, from dark (lowest) to bright "
    "(highest); else from blue (negative) over white (0) to red (positive).",
)


def draw_network_sheet(
    views: Sequence[LayerView],
    *,
    pixels: Tensor,
    images: Tensor,
    labels: Sequence[str],
    predictions: Sequence[str] | None,
    class_names: Sequence[str],
    scores: Collection[str],
    sights: Mapping[str, ReceptiveField],
    sparsities: Mapping[str, UnitSparsity],
    signature: str,
    title: str,
    facts: Sequence[str],
) -> Figure:
    """Returns a sheet with a row per layer.

    views: in the order of the forward pass; pixels: (B, C, H, W), what the network is given; images: the same as a
    person should see them; labels, predictions: a class name per image; class_names: all of them; scores: the layers
    whose values may be the classes' scores; sights, silences: of layers by name, the latter of activations; signature:
    what the network is.
    """
    pictures = to_pictures(images)
    canvas = Canvas()
    y = draw_heading(
        canvas,
        "From pixels to scores",
        title=title,
        signature=signature,
        facts=facts,
        captions=CAPTIONS,
        page_width=PAGE_WIDTH,
    )
    y = draw_rule(canvas, y=y, page_width=PAGE_WIDTH)
    y = _draw_pixels(canvas, pixels, pictures, labels, predictions, y=y)
    for view in views:
        y = draw_rule(canvas, y=y, page_width=PAGE_WIDTH)
        frame = sights[view.name].of_middle if view.name in sights else None
        below = _draw_text(canvas, view, sparsities.get(view.name), y=y)
        end = draw_image_with_box(canvas, pictures[0], frame, x=FIELD_LEFT, y=y, width=FIELD_SIDE)
        canvas.write(f"{frame.size} pixels" if frame else "not known", x=FIELD_LEFT, y=end + 0.04, size=7, colour=PALE)
        bottom = _draw_band(canvas, view.output, class_names if view.name in scores else (), y=y)
        y = max(below, end + 0.2, bottom)
    return canvas.finish(width=PAGE_WIDTH, height=y + 0.25)


def _draw_pixels(
    canvas: Canvas,
    pixels: Tensor,
    pictures: Tensor,
    labels: Sequence[str],
    predictions: Sequence[str] | None,
    *,
    y: float,
) -> float:
    canvas.write("the image", x=MARGIN, y=y, size=12, bold=True)
    canvas.write(_shape(pixels), x=MARGIN, y=y + 0.25, size=8, colour=PALE)
    line = y + 0.42
    for number, label in enumerate(labels):
        canvas.write(label, x=MARGIN, y=line, size=9, bold=True)
        if predictions is not None:
            mark, colour = ("✓", GOOD) if predictions[number] == label else ("✗", BAD)
            canvas.write(f"{mark} {predictions[number]}", x=MARGIN + 1.1, y=line, size=9, colour=colour)
        line += 0.17
    end = draw_image_with_box(canvas, pictures[0], None, x=FIELD_LEFT, y=y, width=FIELD_SIDE)
    return max(line, end, _draw_band(canvas, pixels, (), y=y))


def _draw_text(canvas: Canvas, view: LayerView, sparsity: UnitSparsity | None, *, y: float) -> float:
    canvas.write(view.name, x=MARGIN, y=y, size=12, bold=True)
    lines = [type(view.module).__name__, f"{_shape(view.input)} → {_shape(view.output)}"]
    if sparsity is not None:
        dead, total = int(sparsity.dead.sum()), len(sparsity.dead)
        lines.append(f"{100 * sparsity.overall:.1f} % zero, {dead} of {total} units dead")
    for number, line in enumerate(lines):
        canvas.write(line, x=MARGIN, y=y + 0.25 + 0.15 * number, size=8, colour=PALE)
    return y + 0.3 + 0.15 * len(lines)


def _draw_band(canvas: Canvas, values: Tensor, class_names: Sequence[str], *, y: float) -> float:
    """Draws values (B, ...) line by line with their scale beneath; returns the y beneath."""
    band = value_row(
        values,
        max_channels=CHANNELS,
        class_names=class_names,
        columns=CHANNELS,
        max_width=BAND_WIDTH if as_maps(values) is None else min(CHANNELS, values.shape[1]) * TILE_PITCH,
        is_scale_shared=True,
    )
    for index in range(len(values)):
        y = band.draw(canvas, index, x=BAND_LEFT, y=y)
    if isinstance(band, BarRow):
        return y
    assert isinstance(band, TileRow | StripRow)
    tiles = band.tiles if isinstance(band, TileRow) else band.strips
    low, high = tiles.low[0].item(), tiles.high[0].item()
    reach = max(abs(low), abs(high))
    ends = (-reach, reach) if tiles.is_signed else (low, high)
    canvas.write(formatting.number(ends[0]), x=BAND_LEFT, y=y + 0.05, size=7, colour=PALE, vertical="center")
    canvas.ramp(tiles.colour_map, x=BAND_LEFT + 0.42, y=y + 0.01, width=LEGEND_WIDTH, height=0.08)
    right = BAND_LEFT + LEGEND_WIDTH + 0.5
    is_cut = isinstance(band, TileRow) and band.shown < band.total
    rest = f" · {CHANNELS} of {band.total} channels" if is_cut else ""
    canvas.write(
        f"{formatting.number(ends[1])} · values {formatting.number(low)} … {formatting.number(high)}{rest}",
        x=right,
        y=y + 0.05,
        size=7,
        colour=PALE,
        vertical="center",
    )
    return y + 0.2


def _shape(values: Tensor) -> str:
    return " × ".join(map(str, values.shape[1:]))
