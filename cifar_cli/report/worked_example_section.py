"""The part of the page that works one number by hand: the image, the matrices in colour, the sum."""

from dataclasses import dataclass
from html import escape
from math import isfinite

from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.receptive_field_rules import Field
from cifar_cli.analysis.worked_sums import WorkedExample

SCALE = 8  # of the page's pixels for one of the image's


@dataclass(frozen=True)
class Picture:
    """An image, uint8 (C, H, W), what to say of it, and what a number of the layer sees of it."""

    pixels: Tensor
    caption: str
    sees: Field | None


def worked_section(layer: str, worked: WorkedExample, picture: Picture) -> str:
    """Returns the section: the image with what the number sees framed, the matrices, and the lines that add up."""
    groups = "".join(
        f"<h3>{escape(grids.title)}</h3><div class=grids>"
        f"{''.join(_grid(name, numbers) for name, numbers in grids.matrices)}</div>"
        for grids in worked.grids
    )
    digits = formatting.decimals([worked.by_layer], significant=4)  # of the result, which may be a small product
    rows = "".join(
        f"<tr><td>{escape(text)}</td><td>{formatting.signed(number, digits=digits)}</td></tr>"
        for text, number in worked.lines
    )
    given = formatting.signed(worked.by_layer, digits=digits)
    gives = f'<tr class="end"><td>{escape(layer)} gives</td><td>{given}</td></tr>'
    return (
        f"<section><h2>One number by hand: {escape(layer)}, {formatting.position(worked.place)}</h2>"
        f"<p>The largest number that {escape(layer)} gives for {escape(picture.caption)}.</p><div class=worked>"
        f"<figure>{_image(picture, worked)}<figcaption>Framed: what this number sees.</figcaption></figure>"
        f"<div>{groups}<table class=sum>{rows}{gives}</table></div></div></section>"
    )


def _image(picture: Picture, worked: WorkedExample) -> str:
    """Returns the image as squares of an SVG; what the number sees of it is framed."""
    pixels = picture.pixels.expand(3, *picture.pixels.shape[1:]).permute(1, 2, 0).tolist()
    height, width = len(pixels), len(pixels[0])
    squares = "".join(
        f'<rect x="{x}" y="{y}" width="1.02" height="1.02" fill="#{r:02x}{g:02x}{b:02x}"/>'
        for y, row in enumerate(pixels)
        for x, (r, g, b) in enumerate(row)
    )
    frame = ""
    if picture.sees is not None:
        spots = worked.place[1:] if len(worked.place) == 3 else _spot(worked.place[-1], picture.sees)
        (top, bottom), (left, right) = (axis.seen(at) for axis, at in zip(picture.sees, spots, strict=True))
        frame = (
            f'<rect x="{left}" y="{top}" width="{right - left + 1}" height="{bottom - top + 1}" fill="none" '
            'stroke="#ffd400" stroke-width="0.45"/>'
        )
    size = f'width="{SCALE * width}" height="{SCALE * height}" viewBox="0 0 {width} {height}"'
    return f'<svg {size} role="img" aria-label="{escape(picture.caption)}">{squares}{frame}</svg>'


def _spot(index: int, sees: Field) -> tuple[int, int]:
    """Returns where in its channel a number of flattened maps stood; of others, which see the same, any will do."""
    height, width = (axis.length for axis in sees)
    return index // width % height, index % width


def _grid(name: str, numbers: Tensor) -> str:
    finite = numbers[numbers.isfinite()].abs()
    largest = float(finite.max()) if finite.numel() else 1.0
    digits = formatting.decimals(finite.tolist(), significant=2)
    rows = "".join(
        "<tr>" + "".join(_cell(number, largest or 1.0, digits) for number in row) + "</tr>" for row in numbers.tolist()
    )
    return f"<table class=grid><caption>{escape(name)}</caption>{rows}</table>"


def _cell(number: float, largest: float, digits: int) -> str:
    strength = 0.75 * abs(number) / largest if isfinite(number) else 0
    colour = "--more" if number > 0 else "--less"
    return f'<td style="background:rgba(var({colour}),{strength:.2f})">{formatting.signed(number, digits=digits)}</td>'
