"""The values of the page's section that works one number by hand: the image, the matrices in colour, the sum."""

from dataclasses import dataclass
from typing import Any

from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.receptive_field_rules import Field
from cifar_cli.analysis.worked_number import WorkedExample
from cifar_cli.figures.colours import SIGNED_ENDS, SIGNED_LEGEND, cell_colours, signed_gradient

SCALE = 8  # pixels of the page for a pixel of the image


@dataclass(frozen=True)
class ExampleImage:
    """An image, uint8 (C, H, W), its caption, and the receptive field of the layer's numbers, None if unknown."""

    pixels: Tensor
    caption: str
    receptive_field: Field | None


def worked_example_values(layer: str, worked: WorkedExample, image: ExampleImage) -> dict[str, Any]:
    """Returns the section's values: the image with the receptive field's box, the matrices, the lines that add up."""
    digits = worked.digits
    pixels = image.pixels.expand(3, *image.pixels.shape[1:]).permute(1, 2, 0).tolist()
    return {
        "layer": layer,
        "place": formatting.position(worked.place),
        "caption": image.caption,
        "scale": SCALE,
        "width": len(pixels[0]),
        "height": len(pixels),
        "pixels": [
            {"x": x, "y": y, "colour": f"#{red:02x}{green:02x}{blue:02x}"}
            for y, row in enumerate(pixels)
            for x, (red, green, blue) in enumerate(row)
        ],
        "box": _box(worked, image.receptive_field) if image.receptive_field is not None else None,
        "groups": [
            {"title": grids.title, "matrices": [_matrix(name, numbers, digits) for name, numbers in grids.matrices]}
            for grids in worked.grids
        ],
        "lines": [{"text": text, "number": formatting.signed(number, digits=digits)} for text, number in worked.lines],
        "by_layer": formatting.signed(worked.by_layer, digits=digits),
        "rounding": worked.rounding,
        "scale_of_colours": {"legend": SIGNED_LEGEND, "ends": SIGNED_ENDS, "stops": ", ".join(signed_gradient())},
    }


def _box(worked: WorkedExample, field: Field) -> dict[str, int]:
    """Returns the pixels that the number depends on, as a rectangle."""
    place = worked.place[1:] if len(worked.place) == 3 else _place_in_map(worked.place[-1], field)
    (top, bottom), (left, right) = (axis.seen(at) for axis, at in zip(field, place, strict=True))
    return {"left": left, "top": top, "width": right - left + 1, "height": bottom - top + 1}


def _place_in_map(index: int, field: Field) -> tuple[int, int]:
    """Returns the (row, column) that a number of flattened maps had; other numbers all see the same, at any place."""
    height, width = (axis.length for axis in field)
    return index // width % height, index % width


def _matrix(name: str, numbers: Tensor, digits: int) -> dict[str, Any]:
    rows = [
        [
            {"text": formatting.signed(number, digits=digits), "fill": colour.fill, "ink": colour.text}
            for number, colour in zip(row, row_colours, strict=True)
        ]
        for row, row_colours in zip(numbers.tolist(), cell_colours(numbers), strict=True)
    ]
    return {"name": name, "rows": rows}
