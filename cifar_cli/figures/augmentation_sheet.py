"""Draws training images, alone or beside what augmentation makes of them."""

from collections.abc import Sequence

from PIL import Image, ImageDraw
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.figures.mosaic import compose, enlarge, to_image
from cifar_cli.figures.picture_text import TEXT_SIZE, fitting, write
from cifar_cli.figures.scaling import to_pictures
from cifar_cli.figures.style import INK, PAPER

PICTURE_PIXELS = 96  # a picture is enlarged by the whole number that brings it nearest
CELL_WIDTH = 104
LINE_HEIGHT, DESCENDERS, GAP = TEXT_SIZE + 4, 4, 8


def draw_augmentation_sheet(
    images: Tensor,
    draws: Sequence[Tensor],
    targets: Sequence[Tensor],
    *,
    class_names: Sequence[str],
    title: str,
) -> Tensor:
    """Returns a picture uint8 (3, height, width): a row for each image, first as it is, then as in each of the draws.

    images: (B, 1 or 3, H, W); draws: likewise, of any side, uint8 or float in [0, 1]. targets: the probabilities
    (B, K) of the classes, of `images` and of each draw; the two most probable classes stand beneath a picture.
    """
    columns = [
        [_cell(to_image(picture), _labels(target, class_names)) for picture, target in zip(pictures, own, strict=True)]
        for pictures, own in zip(
            (enlarge(to_pictures(batch), side=PICTURE_PIXELS) for batch in (images, *draws)), targets, strict=True
        )
    ]
    names = ["as it is", *(f"draw {number}" for number in range(1, len(draws) + 1))]
    captions = [title, "training images as they are, and as the network gets them in the first epoch, not normalized"]
    rows = [list(row) for row in zip(*columns, strict=True)]
    return compose(rows, captions=captions, column_names=names, gap=GAP)


def draw_image_sheet(images: Tensor, labels: Tensor, *, class_names: Sequence[str], in_row: int, title: str) -> Tensor:
    """Returns a picture uint8 (3, height, width): images (B, 1 or 3, H, W) in rows, each above its class."""
    pictures = enlarge(to_pictures(images), side=PICTURE_PIXELS)
    cells = [
        _cell(to_image(picture), [(class_names[label], "")])
        for picture, label in zip(pictures, labels.tolist(), strict=True)
    ]
    rows = [cells[start : start + in_row] for start in range(0, len(cells), in_row)]
    captions = [title, f"the first {len(cells)} of them"]
    return compose(rows, captions=captions, column_names=[""] * min(in_row, len(cells)), gap=GAP)


def _labels(target: Tensor, class_names: Sequence[str]) -> list[tuple[str, str]]:
    """Returns the most probable classes, at most two, each with its probability if there are two."""
    shares, classes = target.topk(2)
    if float(shares[1]) < 0.005:
        return [(class_names[int(classes[0])], "")]
    return [
        (class_names[int(label)], f" {formatting.percent(float(share), decimals=0)}")
        for share, label in zip(shares, classes, strict=True)
    ]


def _cell(picture: Image.Image, lines: Sequence[tuple[str, str]]) -> Image.Image:
    page = Image.new("RGB", (max(picture.width, CELL_WIDTH), PICTURE_PIXELS + 2 * LINE_HEIGHT + DESCENDERS), PAPER)
    page.paste(picture)
    for number, (text, end) in enumerate(lines):
        place = (0, PICTURE_PIXELS + 1 + number * LINE_HEIGHT)
        write(ImageDraw.Draw(page), fitting(text, end, width=page.width), at=place, fill=INK)
    return page
