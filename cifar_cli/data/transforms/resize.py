"""Makes the images of early epochs smaller: they cost less, and the network learns from them what is coarse."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from torch import Generator, Tensor
from torch.nn import functional as F

from cifar_cli.data.batch import Batch


@dataclass(frozen=True)
class ResizeByEpoch:
    """Resizes images to a side in pixels for each epoch, the last for all epochs after it."""

    sizes: Sequence[int]

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        side = self.sizes[min(batch.epoch, len(self.sizes) - 1)]
        return replace(batch, images=resize(batch.images, side))


def resize(images: Tensor, side: int) -> Tensor:
    """Returns float images (B, C, H, W) as (B, C, side, side), each new pixel a weighted mean of those it covers."""
    if images.shape[-2:] == (side, side):
        return images
    return F.interpolate(images, size=(side, side), mode="bilinear", antialias=True, align_corners=False)
