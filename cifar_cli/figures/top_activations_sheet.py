"""Draws for each unit of a layer the images with its largest values, and the pixels that caused these values."""

from collections.abc import Sequence

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.capture import LayerView
from cifar_cli.analysis.describe_layer import signature
from cifar_cli.analysis.receptive_field import PixelBox, ReceptiveField
from cifar_cli.analysis.top_activations import TopActivations
from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.channel_legend import filters_of, fitted
from cifar_cli.figures.heading import draw_heading, draw_rule
from cifar_cli.figures.image_with_box import draw_image_with_box
from cifar_cli.figures.scaling import to_pictures
from cifar_cli.figures.style import BOX, MARGIN, PALE

# In inches.
SIDE, GAP = 0.85, 0.08
SMALL_SIDE = 0.55  # of an image beneath its enlarged pixels
UNITS_WIDTH = 15.0  # as many units side by side as fit: a wider page is shown too small to read
LEGEND_WIDTH = 1.0  # a unit's number or class, its filter, its largest values
VALUE_HEIGHT = 0.17
UNIT_GAP = 0.45  # between two units side by side
SMALLEST_PAGE_WIDTH = 9.5  # room for the heading
MAGNIFIED_BELOW = 0.6  # of an image's side: a smaller receptive field is also shown enlarged


def draw_top_activations_sheet(
    view: LayerView,
    top: TopActivations,
    *,
    images: Tensor,
    labels: Sequence[str],
    class_names: Sequence[str],
    receptive_field: ReceptiveField | None,
    title: str,
    facts: Sequence[str],
) -> Figure:
    """Returns a sheet, units side by side where they fit, with K images each, values above and labels beneath.

    images: uint8 (N, 1 or 3, H, W), which `top.images` indexes; labels: a class name per image; class_names: name the
    units of an output of as many values; facts: sentences for the heading.
    """
    units, per_unit = top.images.shape
    total = view.output.shape[1]
    height, width = images.shape[-2:]
    middle = receptive_field.middle_box if receptive_field else PixelBox(0, height, 0, width)
    is_small = max((middle.bottom - middle.top) / height, (middle.right - middle.left) / width) < MAGNIFIED_BELOW
    unit_width = LEGEND_WIDTH + per_unit * (SIDE + GAP) - GAP
    per_line = min(units, max(1, int((UNITS_WIDTH + UNIT_GAP) / (unit_width + UNIT_GAP))))
    page_width = max(SMALLEST_PAGE_WIDTH, 2 * MARGIN + per_line * (unit_width + UNIT_GAP) - UNIT_GAP)
    captions = [
        f"{'All' if units == total else f'The first {units} of'} {formatting.count(total, 'unit')}. "
        "Above each image the unit's largest "
        f"value in it, beneath it its label. The frame holds the pixels which that value depends on"
        + ("; above the image they are enlarged." if is_small else ".")
    ]
    canvas = Canvas()
    y = draw_heading(
        canvas,
        f"{view.name}: largest activations",
        title=title,
        signature=signature(view.module),
        facts=facts,
        captions=captions,
        page_width=page_width,
    )
    filters = filters_of(view)
    are_scores = view.output.dim() == 2 and total == len(class_names)
    names = class_names if are_scores else [str(unit) for unit in range(units)]
    for first in range(0, units, per_line):
        y = draw_rule(canvas, y=y, page_width=page_width)
        bottom = y
        for unit in range(first, min(first + per_line, units)):
            x = MARGIN + (unit - first) * (unit_width + UNIT_GAP)
            _draw_unit_legend(canvas, names[unit], filters[unit] if filters is not None else None, x=x, y=y)
            for rank in range(per_unit):
                number = int(top.images[unit, rank])
                end = _draw_image(
                    canvas,
                    to_pictures(images[number : number + 1])[0],
                    labels[number],
                    top,
                    receptive_field,
                    (unit, rank),
                    x=x + LEGEND_WIDTH + rank * (SIDE + GAP),
                    y=y,
                    is_magnified=is_small,
                )
                bottom = max(bottom, end)
        y = bottom
    return canvas.finish(width=page_width, height=y + 0.25)


def _draw_unit_legend(canvas: Canvas, name: str, filter_picture: Tensor | None, *, x: float, y: float) -> None:
    canvas.write(name, x=x, y=y, size=10, bold=True, max_width=LEGEND_WIDTH - GAP)
    if filter_picture is not None:
        width, height = fitted(filter_picture, side=SIDE)
        canvas.picture(filter_picture, x=x, y=y + 0.22, width=width, height=height)
        canvas.write("filter", x=x, y=y + 0.24 + height, size=8.5, colour=PALE)


def _draw_image(
    canvas: Canvas,
    picture: Tensor,
    label: str,
    top: TopActivations,
    receptive_field: ReceptiveField | None,
    place: tuple[int, int],
    *,
    x: float,
    y: float,
    is_magnified: bool,
) -> float:
    row, column = int(top.rows[place]), int(top.columns[place])
    box = receptive_field.box_at(row, column) if receptive_field else None
    canvas.write(formatting.number(top.values[place].item()), x=x, y=y, size=8.5, colour=PALE)
    y += VALUE_HEIGHT
    if is_magnified and box is not None:
        seen = picture[:, box.top : box.bottom, box.left : box.right]
        # At the edge of the image a field is cut off; it keeps the shape it has.
        scale = SIDE / max(seen.shape[1:])
        width, height = seen.shape[2] * scale, seen.shape[1] * scale
        canvas.picture(seen, x=x, y=y, width=width, height=height)
        canvas.frame(x=x, y=y, width=width, height=height, colour=BOX, points=0.8)
        y += SIDE + GAP
    side = SMALL_SIDE if is_magnified and box is not None else SIDE
    y = draw_image_with_box(canvas, picture, box, x=x, y=y, width=side, points=0.9)
    canvas.write(label, x=x, y=y + 0.03, size=8.5, max_width=SIDE)
    return y + 0.2
