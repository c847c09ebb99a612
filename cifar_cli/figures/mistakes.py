"""Draws the images that a network is most wrong about. Knows nothing of TensorBoard; draws with PIL, for speed."""

import math
from collections.abc import Sequence

import numpy as np
import torch
from PIL import Image, ImageDraw, ImageFont
from torch import Tensor
from torch.nn import functional as F

from cifar_cli.figures.tiles import to_pictures

COLUMNS = 4  # TensorBoard shows a picture some 350 pixels wide; more would be too small to read
IMAGE_PIXELS = 100  # an image is enlarged by the whole number that brings it nearest to this
LINE_HEIGHT, TEXT_SIZE, GAP = 16, 13, 10
WHITE, INK, PALE, BAD = (255, 255, 255), (34, 34, 34), (119, 119, 119), (198, 40, 40)


def worst_mistakes(logits: Tensor, labels: Tensor, *, count: int) -> Tensor:
    """Returns the indices, int64 (at most count,), of the wrongly classified images, the largest loss first.

    logits: (N, K); labels: int64 (N,), on the same device. The loss is −log of the true class's probability.
    """
    losses = F.cross_entropy(logits, labels, reduction="none")  # (N,)
    # A stable order, so that the same network always gives the same picture.
    order = losses.argsort(descending=True, stable=True)
    return order[logits.argmax(dim=1)[order] != labels[order]][:count]


def draw_mistakes(images: Tensor, labels: Tensor, logits: Tensor, *, class_names: Sequence[str], count: int) -> Tensor:
    """Returns a picture uint8 (3, height, width) of the `count` worst mistakes; its size depends on `count` alone.

    images: uint8 (N, C, H, W); labels: int64 (N,); logits: (N, K). Under each image stand its true class, the predicted
    one with its probability, and the loss.
    """
    logits, labels = logits.float().cpu(), labels.cpu()
    chosen = worst_mistakes(logits, labels, count=count)
    wrong = int((logits.argmax(dim=1) != labels).sum())
    page = _Page(count, image_shape=(images.shape[2], images.shape[3]))
    page.head(f"{len(chosen)} of {wrong:,} mistakes on {len(labels):,} images, the worst first")
    for place, (index, picture) in enumerate(zip(chosen.tolist(), to_pictures(images[chosen].cpu()), strict=True)):
        probabilities = logits[index].softmax(dim=0)
        predicted = int(probabilities.argmax())
        loss = F.cross_entropy(logits[index], labels[index]).item()
        page.tile(
            place,
            picture,
            true=class_names[int(labels[index])],
            predicted=f"{class_names[predicted]} {probabilities[predicted].item():.0%}",
            loss=f"loss {loss:.2f}",
        )
    return torch.from_numpy(np.array(page.image)).permute(2, 0, 1)


class _Page:
    """White paper with a heading and places for so many tiles, four to a row."""

    def __init__(self, count: int, *, image_shape: tuple[int, int]) -> None:
        self._factor = max(1, round(IMAGE_PIXELS / max(image_shape)))
        self._height, self._width = (side * self._factor for side in image_shape)
        self._font = ImageFont.load_default(size=TEXT_SIZE)
        self._column = max(self._width, 104) + GAP  # room for a name such as automobile, and its probability
        self._row = self._height + 3 * LINE_HEIGHT + GAP
        size = (GAP + COLUMNS * self._column, 3 * LINE_HEIGHT + math.ceil(count / COLUMNS) * self._row)
        self.image = Image.new("RGB", size, WHITE)
        self._pen = ImageDraw.Draw(self.image)

    def head(self, text: str) -> None:
        self._pen.text((GAP, 5), text, fill=INK, font=self._font)
        self._pen.text((GAP, 5 + LINE_HEIGHT), "black: the true class;", fill=INK, font=self._font)
        right = GAP + self._font.getlength("black: the true class; ")
        self._pen.text((right, 5 + LINE_HEIGHT), "red: the prediction, and how sure it was", fill=BAD, font=self._font)

    def tile(self, place: int, picture: Tensor, *, true: str, predicted: str, loss: str) -> None:
        row, column = divmod(place, COLUMNS)
        left, top = GAP + column * self._column, 3 * LINE_HEIGHT + row * self._row
        pixels = picture.expand(3, -1, -1).permute(1, 2, 0).contiguous().numpy()
        enlarged = Image.fromarray(pixels).resize((self._width, self._height), Image.Resampling.NEAREST)
        self.image.paste(enlarged, (left, top))
        for line, (text, colour) in enumerate(((true, INK), (predicted, BAD), (loss, PALE))):
            self._pen.text((left, top + self._height + line * LINE_HEIGHT), text, fill=colour, font=self._font)
