"""The top of every sheet: a name, the source of the picture, and sentences on its content; the line between parts."""

from collections.abc import Sequence

from cifar_cli.figures.canvas import Canvas
from cifar_cli.figures.style import INK, MARGIN, PALE, POINTS_PER_INCH, RULE


def draw_heading(
    canvas: Canvas,
    name: str,
    *,
    title: str,
    signature: str,
    facts: Sequence[str],
    captions: Sequence[str],
    page_width: float,
) -> float:
    """Draws a heading over the page's width in inches and returns the y beneath.

    title: the source of the picture; signature: what the layer is; facts: findings, in ink; captions: how to read the
    picture, paler.
    """
    width = page_width - 2 * MARGIN
    canvas.write(name, x=MARGIN, y=0.35, size=18, bold=True)
    # Beside the name, or above it where the two have no room side by side; widths of a letter as in `paragraph`.
    needed = (0.7 * 18 * len(name) + 0.55 * 9 * len(title)) / POINTS_PER_INCH
    canvas.write(title, x=page_width - MARGIN, y=0.42 if needed < width else 0.14, size=9, colour=PALE, align="right")
    canvas.write(signature, x=MARGIN, y=0.75, size=9.5, mono=True)
    y = 1.05
    for fact in facts:
        y = canvas.paragraph(fact, x=MARGIN, y=y, width=width, size=9, colour=INK)
    for caption in captions:
        y = canvas.paragraph(caption, x=MARGIN, y=y, width=width, size=9)
    return y + 0.08


def draw_rule(canvas: Canvas, *, y: float, page_width: float) -> float:
    """Draws a thin line over the page's width and returns the y beneath."""
    canvas.bar(x=MARGIN, y=y + 0.08, width=page_width - 2 * MARGIN, height=0.008, colour=RULE)
    return y + 0.2
