"""Resizes the images of early epochs: small images cost less time, and suffice for coarse features."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Generator, Tensor
from torch.nn import functional as F

from cifar_cli.data.batch import Batch


@dataclass(frozen=True)
class ResizeByEpoch:
    """Resizes images to the side of the current epoch. sizes: in pixels; the last holds for all later epochs."""

    sizes: Sequence[int]

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        side = self.sizes[min(batch.epoch, len(self.sizes) - 1)]
        return replace(batch, images=resize(batch.images, side))


def resize(images: Tensor, side: int) -> Tensor:
    """Returns float images (B, C, H, W) as (B, C, side, side), by bilinear interpolation with antialiasing."""
    if images.shape[-2:] == (side, side):
        return images
    return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
