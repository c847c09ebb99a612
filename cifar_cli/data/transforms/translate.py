"""Translates images: pads by reflection, then crops at random."""

from dataclasses import dataclass, replace

import torch
from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.crop import crop
from cifar_cli.data.transforms.draw import draw_integers


@dataclass(frozen=True)
class Translate:
    """Moves each image by up to `pixels` along each axis, and fills the border with the image's reflection.

    `pixels` is less than the images' height and width.
    """

    pixels: int

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        down = draw_integers(2 * self.pixels + 1, batch.images, generator=generator)
        right = draw_integers(2 * self.pixels + 1, batch.images, generator=generator)
        return replace(batch, images=crop_padded(batch.images, top=down, left=right, pixels=self.pixels))


def crop_padded(images: Tensor, *, top: Tensor, left: Tensor, pixels: int) -> Tensor:
    """Returns crops of the original size from the images padded by reflection, each at its own corner.

    top, left: int64 (B,) in [0, 2·pixels]; both equal to `pixels` returns the image itself.
    """
    height, width = images.shape[-2:]
    return crop(pad_by_reflection(images, pixels), top=top, left=left, height=height, width=width)


def pad_by_reflection(images: Tensor, pixels: int) -> Tensor:
    """Returns padded images (B, C, H + 2·pixels, W + 2·pixels) for images (B, C, H, W)."""
    # torch's reflection padding supports uint8 on some devices only.
    for dimension in (2, 3):
        size = images.shape[dimension]
        before = images.narrow(dimension, 1, pixels).flip(dimension)
        after = images.narrow(dimension, size - 1 - pixels, pixels).flip(dimension)
        images = torch.cat((before, images, after), dimension)
    return images
