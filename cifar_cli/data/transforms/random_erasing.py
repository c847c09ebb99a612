"""Random erasing: fills a random rectangle of some images with zeros, after the normalization."""

import math
from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.draw import draw_uniform

AREA = (0.02, 0.33)  # of the image; these three are the paper's and torchvision's
ASPECT_RATIO = (0.3, 3.3)
TRIES = 10


@dataclass(frozen=True)
class RandomErasing:
    """Fills a rectangle with zeros, the mean of normalized images, in each image with `probability`.

    A drawn rectangle that is as high or wide as the image is drawn again, at most ten times in all, as in torchvision.
    Source: Zhong et al., arXiv:1708.04896.
    """

    probability: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        height, width = batch.images.shape[-2:]
        drawn = draw_uniform(batch.images, generator=generator, count=3 + 2 * TRIES)
        areas = height * width * (AREA[0] + (AREA[1] - AREA[0]) * drawn[3 : 3 + TRIES])  # (tries, B)
        low, high = (math.log(ratio) for ratio in ASPECT_RATIO)
        ratios = (low + (high - low) * drawn[3 + TRIES :]).exp()
        heights, widths = (areas * ratios).sqrt().round().long(), (areas / ratios).sqrt().round().long()
        fits = (heights < height) & (widths < width)
        first = fits.long().argmax(0, keepdim=True)  # the first try that fits
        h, w = heights.gather(0, first)[0], widths.gather(0, first)[0]
        top, left = (drawn[1] * (height - h + 1)).long(), (drawn[2] * (width - w + 1)).long()
        happens = (drawn[0] < self.probability) & fits.any(0)
        return replace(batch, images=erase(batch.images, top=top, left=left, height=h * happens, width=w))


def erase(images: Tensor, *, top: Tensor, left: Tensor, height: Tensor, width: Tensor) -> Tensor:
    """Returns images with zeros in a rectangle of each; all int64 (B,)."""
    rows = torch.arange(images.shape[-2], device=images.device)
    columns = torch.arange(images.shape[-1], device=images.device)
    in_rows = (rows >= top[:, None]) & (rows < (top + height)[:, None])  # (B, H)
    in_columns = (columns >= left[:, None]) & (columns < (left + width)[:, None])  # (B, W)
    return images.masked_fill((in_rows[:, :, None] & in_columns[:, None, :])[:, None], 0)
