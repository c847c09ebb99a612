"""The top of every sheet: a name, where the picture comes from, and sentences on what is seen."""

from collections.abc import Sequence

from cifar_cli.figures.canvas import INK, PALE, Canvas

MARGIN = 0.4  # inches, left and right of all that a sheet holds


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

    title: where the picture comes from; signature: what the layer is; facts: what was found, in ink; captions: how the
    picture is to be read, paler.
    """
    width = page_width - 2 * MARGIN
    canvas.write(name, x=MARGIN, y=0.35, size=18, bold=True)
    canvas.write(title, x=page_width - MARGIN, y=0.42, size=9, colour=PALE, align="right")
    canvas.write(signature, x=MARGIN, y=0.75, size=9.5, mono=True)
    y = 1.05
    for fact in facts:
        y = canvas.paragraph(fact, x=MARGIN, y=y, width=width, size=9, colour=INK)
    for caption in captions:
        y = canvas.paragraph(caption, x=MARGIN, y=y, width=width, size=9)
    return y + 0.08


def draw_rule(canvas: Canvas, *, y: float, page_width: float) -> float:
    """Draws a thin line over the page's width and returns the y beneath."""
    canvas.bar(x=MARGIN, y=y + 0.08, width=page_width - 2 * MARGIN, height=0.008, colour="#dddddd")
    return y + 0.2
