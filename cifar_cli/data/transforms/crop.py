"""Random crops of images padded with zeros, as torchvision's `RandomCrop(side, padding=pixels)` takes them."""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.draw import draw_integers


@dataclass(frozen=True)
class RandomCrop:
    """Pads each image with `pixels` black pixels at each edge, and crops it to its own size at a random corner.

    Source: He et al., arXiv:1512.03385, section 4.2.
    """

    pixels: int

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        height, width = batch.images.shape[-2:]
        top = draw_integers(2 * self.pixels + 1, batch.images, generator=generator)
        left = draw_integers(2 * self.pixels + 1, batch.images, generator=generator)
        padded = F.pad(batch.images, [self.pixels] * 4)  # (B, C, H + 2p, W + 2p)
        return replace(batch, images=crop(padded, top=top, left=left, height=height, width=width))


def crop(images: Tensor, *, top: Tensor, left: Tensor, height: int, width: int) -> Tensor:
    """Returns a crop (B, C, height, width) of each image, at its own corner: top, left are int64 (B,)."""
    # All possible crops as overlapping views of the same memory; indexing copies the chosen crops only.
    crops = images.unfold(2, height, 1).unfold(3, width, 1)  # (B, C, corners, corners, height, width)
    return crops[torch.arange(len(images), device=images.device), :, top, left]
