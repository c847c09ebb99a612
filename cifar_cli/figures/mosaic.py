"""Sets rows of small pictures under a caption, as one picture. Knows nothing of what they show; uses PIL, for speed."""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor

GAP = 6
LABEL_HEIGHT = 18
WHITE, INK = (255, 255, 255), (40, 40, 40)
Rows = Sequence[Sequence[Image.Image]]


@dataclass(frozen=True)
class Mosaic:
    """Rows of pictures with what is written over them. The first row is the longest."""

    rows: Rows
    caption: str
    column_names: Sequence[str] = ()


@dataclass(frozen=True)
class Layout:
    """width, height: of the whole picture, in pixels; corners: the upper left one, (x, y), of each picture in it."""

    width: int
    height: int
    top: int
    column_middles: Sequence[float]
    corners: Sequence[Sequence[tuple[int, int]]]


def lay_out(mosaic: Mosaic) -> Layout:
    """Returns where everything of a mosaic stands."""
    rows, columns = mosaic.rows, range(len(mosaic.rows[0]))
    widths = [max(row[column].width for row in rows if column < len(row)) for column in columns]
    lefts = [GAP + sum(widths[:column]) + column * GAP for column in columns]
    first_top = top = GAP + LABEL_HEIGHT * (2 if mosaic.column_names else 1)
    corners = []
    for row in rows:
        height = max(tile.height for tile in row)
        corners.append([(left, top + (height - tile.height) // 2) for left, tile in zip(lefts, row, strict=False)])
        top += height + GAP
    # A picture with few tiles is still as wide as its caption.
    width = max(lefts[-1] + widths[-1], GAP + math.ceil(_font().getlength(mosaic.caption))) + GAP
    middles = [left + width / 2 for left, width in zip(lefts, widths, strict=True)]
    return Layout(width, top, first_top, middles, corners)


def compose(mosaic: Mosaic) -> Tensor:
    """Returns a mosaic as one picture, uint8 (3, height, width)."""
    layout = lay_out(mosaic)
    page = Image.new("RGB", (layout.width, layout.height), WHITE)
    pen = ImageDraw.Draw(page)
    pen.text((GAP, GAP // 2), mosaic.caption, fill=INK, font=_font())
    for middle, name in zip(layout.column_middles, mosaic.column_names, strict=False):
        pen.text((middle, layout.top - 3), name, fill=INK, font=_font(), anchor="ms")
    for row, corners in zip(mosaic.rows, layout.corners, strict=True):
        for tile, corner in zip(row, corners, strict=True):
            page.paste(tile, corner)
    return torch.from_numpy(np.array(page)).permute(2, 0, 1)


def _font() -> ImageFont.FreeTypeFont | ImageFont.ImageFont:
    return ImageFont.load_default(size=13)
