"""Draws a contact sheet: pictures, each with its file's name and what a network says of it."""

from collections.abc import Sequence
from dataclasses import dataclass

from PIL import Image, ImageDraw
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.figures.mosaic import compose, enlarge, in_rows, to_image
from cifar_cli.figures.picture_text import TEXT_SIZE, fitting, write
from cifar_cli.figures.scaling import to_pictures
from cifar_cli.figures.style import BAD, INK, PALE, PAPER

COLUMNS = 6
PICTURE_PIXELS = 128  # a picture is enlarged by the whole number that brings it nearest
CELL_WIDTH = 136
LINE_HEIGHT, GAP = TEXT_SIZE + 4, 10
DESCENDERS = 4  # of the last line's letters


@dataclass(frozen=True)
class SheetCell:
    """A picture's name, its most probable class with the probability, and whether that is doubtful."""

    name: str
    class_name: str
    probability: float
    is_doubtful: bool


def draw_prediction_sheet(cells: Sequence[SheetCell], images: Tensor, *, title: str, total: int) -> Tensor:
    """Returns the sheet, uint8 (3, height, width). images: uint8 (N, 1 or 3, H, W); total: all pictures, N or more."""
    pictures = enlarge(to_pictures(images), side=PICTURE_PIXELS)
    drawn = [_cell(to_image(picture), cell) for picture, cell in zip(pictures, cells, strict=True)]
    of_all = (
        formatting.count(total, "picture") if len(cells) == total else f"the first {len(cells)} of {total:,} pictures"
    )
    captions = [title, f"{of_all}, as the network gets them, with the most probable class"]
    if any(cell.is_doubtful for cell in cells):
        captions.append("red, with a question mark: less probable than the class of one in twenty validation images")
    return compose(in_rows(drawn, COLUMNS), captions=captions, gap=GAP)


def _cell(picture: Image.Image, cell: SheetCell) -> Image.Image:
    """Returns a picture with two lines of text beneath it."""
    page = Image.new("RGB", (max(picture.width, CELL_WIDTH), picture.height + 2 * LINE_HEIGHT + DESCENDERS), PAPER)
    page.paste(picture)
    pen = ImageDraw.Draw(page)
    percent = formatting.percent(cell.probability, decimals=0) + (" ?" if cell.is_doubtful else "")
    lines = (
        (fitting(cell.class_name, f" {percent}", width=page.width), BAD if cell.is_doubtful else INK),
        (fitting(cell.name, width=page.width), PALE),
    )
    for line, (text, colour) in enumerate(lines):
        write(pen, text, at=(0, picture.height + 1 + line * LINE_HEIGHT), fill=colour)
    return page
