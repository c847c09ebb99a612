"""Sets rows of small pictures under a caption, as one picture. Uses PIL, which is faster than matplotlib."""

import math
from collections.abc import Sequence
from pathlib import Path

import numpy as np
import torch
from PIL import Image, ImageDraw
from torch import Tensor

from cifar_cli.figures.picture_text import font, write
from cifar_cli.figures.scaling import to_pictures
from cifar_cli.figures.style import INK, PAPER
from cifar_cli.runs.atomic_files import write_atomically

GAP = 6  # pixels, as all lengths here
LINE_HEIGHT = 18


def compose(
    rows: Sequence[Sequence[Image.Image]],
    *,
    captions: Sequence[str] = (),
    column_names: Sequence[str] = (),
    gap: int = GAP,
) -> Tensor:
    """Returns rows of pictures as one picture, uint8 (3, height, width).

    The first row is the longest. captions: lines above all rows; column_names: a name above each column.
    """
    widths = [max(row[column].width for row in rows if column < len(row)) for column in range(len(rows[0]))]
    lefts = [gap + sum(widths[:column]) + column * gap for column in range(len(widths))]
    heights = [max(picture.height for picture in row) for row in rows]
    first_top = gap + LINE_HEIGHT * (len(captions) + bool(column_names))
    # A picture with few tiles is still as wide as its captions.
    width = max([lefts[-1] + widths[-1], *(gap + math.ceil(font().getlength(line)) for line in captions)]) + gap
    page = Image.new("RGB", (width, first_top + sum(heights) + len(rows) * gap), PAPER)
    pen = ImageDraw.Draw(page)
    for number, line in enumerate(captions):
        write(pen, line, at=(gap, gap // 2 + number * LINE_HEIGHT), fill=INK)
    for left, column_width, name in zip(lefts, widths, column_names, strict=False):
        write(pen, name, at=(left + column_width / 2, first_top - 3), fill=INK, anchor="ms")
    top = first_top
    for row, height in zip(rows, heights, strict=True):
        for left, picture in zip(lefts, row, strict=False):
            page.paste(picture, (left, top + (height - picture.height) // 2))
        top += height + gap
    return to_tensor(page)


def contact_sheet(images: Tensor) -> Tensor:
    """Returns images (N, C, H, W) side by side in a square without gaps, row by row, as a picture uint8 (3, h, w)."""
    return compose(
        in_rows([to_image(picture) for picture in to_pictures(images)], math.ceil(len(images) ** 0.5)), gap=0
    )


def in_rows(pictures: Sequence[Image.Image], columns: int) -> list[Sequence[Image.Image]]:
    """Returns pictures in rows of `columns`; the last row may be shorter."""
    return [pictures[start : start + columns] for start in range(0, len(pictures), columns)]


def enlarge(tiles: Tensor, *, side: int) -> Tensor:
    """Repeats the pixels of tiles (..., H, W) so often that the longer side comes near to `side`, and never shrinks."""
    factor = max(1, round(side / max(tiles.shape[-2:])))
    return tiles.repeat_interleave(factor, dim=-2).repeat_interleave(factor, dim=-1)


def to_image(tile: Tensor) -> Image.Image:
    """Returns a uint8 tile (H, W), (1, H, W) or (3, H, W) as a PIL image."""
    if tile.dim() == 3 and tile.shape[0] == 3:
        return Image.fromarray(tile.permute(1, 2, 0).contiguous().numpy())
    return Image.fromarray(tile.reshape(tile.shape[-2:]).numpy())


def to_tensor(image: Image.Image) -> Tensor:
    """Returns a PIL image in colour as uint8 (3, height, width)."""
    return torch.from_numpy(np.array(image)).permute(2, 0, 1)


def save_picture(picture: Tensor, path: Path) -> None:
    """Writes a picture, uint8 (3, height, width), to a PNG file, whole or not at all, and makes the folders on the way.

    Raises RunError where it cannot be written.
    """
    write_atomically(path, lambda file: to_image(picture).save(file, format="PNG"), make_folders=True)
