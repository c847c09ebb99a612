"""Draws every layer of a network on one sheet, from the pixels to the scores of the classes."""

from collections.abc import Collection, Mapping, Sequence

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.capture import LayerView, as_maps
from cifar_cli.analysis.dead_units import UnitSparsity
from cifar_cli.analysis.receptive_field import ReceptiveField
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.heading import draw_heading, draw_rule
from cifar_cli.figures.image_with_box import draw_image_with_box, draw_prediction
from cifar_cli.figures.scaling import to_pictures
from cifar_cli.figures.style import MARGIN, PALE
from cifar_cli.figures.value_rows import BarRow, StripRow, TileRow, colour_names, value_row

# In inches.
TEXT_WIDTH = 2.35
NAME_WIDTH, LONG_NAME_SIZE = TEXT_WIDTH - 0.1, 9
IMAGE_LEFT, IMAGE_SIDE = MARGIN + TEXT_WIDTH, 0.75
VALUES_LEFT = IMAGE_LEFT + IMAGE_SIDE + 0.35
CHANNELS = 12  # one line of tiles
TILE_PITCH = 0.75
VALUES_WIDTH = CHANNELS * TILE_PITCH
PAGE_WIDTH = VALUES_LEFT + VALUES_WIDTH + MARGIN
SCALE_WIDTH = 1.1
CAPTIONS = (
    "From top to bottom as the image passes. The framed pixels are those that a number in the middle of the layer "
    "depends on; of a field that goes beyond the image's edge, its whole size is beneath. All channels of a layer "
    "share one scale: where nothing is negative, from dark (lowest) to bright (highest); else from blue (negative) "
    "over white (0) to red (positive).",
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
    receptive_fields: Mapping[str, ReceptiveField],
    sparsities: Mapping[str, UnitSparsity],
    signature: str,
    title: str,
    facts: Sequence[str],
) -> Figure:
    """Returns a sheet with a row per layer.

    views: in the order of the forward pass; pixels: (B, C, H, W), the network's input; images: the same before
    normalization; labels, predictions: a class name per image; class_names: all of them; scores: the layers whose
    values may be the classes' scores; receptive_fields: of layers by name; sparsities: of activations by name;
    signature: what the network is.
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
        field = receptive_fields.get(view.name)
        box = field.middle_box if field else None
        below = _draw_text(canvas, view, sparsities.get(view.name), y=y)
        end = draw_image_with_box(canvas, pictures[0], box, x=IMAGE_LEFT, y=y, width=IMAGE_SIDE)
        sizes = ["not known"] if field is None else [f"{field.middle_box.size} pixels"]
        if field is not None and field.whole_size:
            sizes.append(f"of {field.whole_size}")
        for text in sizes:
            canvas.write(text, x=IMAGE_LEFT, y=end + 0.04, size=7, colour=PALE)
            end += 0.12
        bottom = _draw_values(canvas, view.output, class_names if view.name in scores else (), y=y)
        y = max(below, end + 0.1, bottom)
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
    canvas.write(formatting.shape(pixels.shape[1:]), x=MARGIN, y=y + 0.25, size=8, colour=PALE)
    line = y + 0.42
    for number, label in enumerate(labels):
        canvas.write(label, x=MARGIN, y=line, size=9, bold=True, max_width=1.0)
        if predictions is not None:
            draw_prediction(canvas, predictions[number], label, x=MARGIN + 1.1, y=line, max_width=TEXT_WIDTH - 1.2)
        line += 0.17
    end = draw_image_with_box(canvas, pictures[0], None, x=IMAGE_LEFT, y=y, width=IMAGE_SIDE)
    return max(line, end, _draw_values(canvas, pixels, (), y=y, channel_names=colour_names(pixels)))


def _draw_text(canvas: Canvas, view: LayerView, sparsity: UnitSparsity | None, *, y: float) -> float:
    y = _draw_name(canvas, view.name, y=y)
    shapes = f"{formatting.shape(view.input.shape[1:])} → {formatting.shape(view.output.shape[1:])}"
    lines = [type(view.module).__name__, shapes]
    if sparsity is not None:
        zeros = formatting.percent(sparsity.overall, decimals=1)
        lines.append(f"{zeros} zero, {sparsity.num_dead} of {sparsity.num_units} units dead")
    for number, line in enumerate(lines):
        canvas.write(line, x=MARGIN, y=y + 0.15 * number, size=8, colour=PALE)
    return y + 0.05 + 0.15 * len(lines)


def _draw_name(canvas: Canvas, name: str, *, y: float) -> float:
    """Writes a layer's name, one too long for its column smaller and in several lines; returns the y beneath."""
    if canvas.text_width(name, size=12, bold=True) <= NAME_WIDTH:
        canvas.write(name, x=MARGIN, y=y, size=12, bold=True)
        return y + 0.25
    while name:
        line = name
        while canvas.text_width(line, size=LONG_NAME_SIZE, bold=True) > NAME_WIDTH:
            cut = line.rfind(".", 0, -1) + 1  # behind a dot, if there is one
            line = line[: cut or -1]
        canvas.write(line, x=MARGIN, y=y, size=LONG_NAME_SIZE, bold=True)
        name = name[len(line) :]
        y += 0.17
    return y + 0.04


def _draw_values(
    canvas: Canvas, values: Tensor, class_names: Sequence[str], *, y: float, channel_names: Sequence[str] = ()
) -> float:
    """Draws values (B, ...) line by line with their scale beneath; returns the y beneath."""
    row = value_row(
        values,
        max_channels=CHANNELS,
        class_names=class_names,
        columns=CHANNELS,
        max_width=VALUES_WIDTH if as_maps(values) is None else min(CHANNELS, values.shape[1]) * TILE_PITCH,
        is_scale_shared=True,
        channel_names=channel_names,
    )
    for index in range(len(values)):
        y = row.draw(canvas, index, x=VALUES_LEFT, y=y)
    if isinstance(row, BarRow):
        return y
    assert isinstance(row, TileRow | StripRow)
    tiles = row.tiles if isinstance(row, TileRow) else row.strips
    low, high = tiles.low[0].item(), tiles.high[0].item()
    reach = max(abs(low), abs(high))
    left_end, right_end = (-reach, reach) if tiles.is_signed else (low, high)
    is_cut = isinstance(row, TileRow) and row.shown < row.total
    rest = f" · {CHANNELS} of {row.total} channels" if is_cut else ""
    values_text = f"{formatting.number(right_end)} · values {formatting.value_range(low, high)}{rest}"
    for text, right in ((formatting.number(left_end), 0.0), (values_text, SCALE_WIDTH + 0.5)):
        canvas.write(text, x=VALUES_LEFT + right, y=y + 0.05, size=7, colour=PALE, vertical="center")
    canvas.colour_scale(tiles.colour_map, x=VALUES_LEFT + 0.42, y=y + 0.01, width=SCALE_WIDTH)
    return y + 0.2
