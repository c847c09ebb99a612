"""Flips images left to right: at random, or each image in every second epoch."""

from dataclasses import replace
from typing import Literal

import torch
from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.augmentation import Transform
from cifar_cli.data.transforms.draw import draw_integers


def flip(mode: Literal["random", "alternating"], *, num_images: int, seed: int) -> Transform:
    """Returns the flip of that name, for a training set of `num_images` images."""
    return random_flip if mode == "random" else AlternatingFlip(num_images, seed=seed)


def random_flip(batch: Batch, generator: Generator) -> Batch:
    """Returns the batch with each image flipped with probability 1/2."""
    mask = draw_integers(2, batch.images, generator=generator) == 1
    return replace(batch, images=flip_where(batch.images, mask))


class AlternatingFlip:
    """Flips each image in every second epoch: half of the images, drawn with `seed`, in the even epochs.

    With a random flip, half of the images look the same in two consecutive epochs.
    Source: Jordan, arXiv:2404.00498, section 3.6.
    """

    def __init__(self, num_images: int, *, seed: int) -> None:
        generator = Generator().manual_seed(seed)
        self.flipped_first = torch.randint(2, (num_images,), generator=generator) == 1  # bool (N,)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        self.flipped_first = self.flipped_first.to(batch.indices.device)
        flipped = self.flipped_first[batch.indices]
        return replace(batch, images=flip_where(batch.images, ~flipped if batch.epoch % 2 else flipped))


def flip_where(images: Tensor, mask: Tensor) -> Tensor:
    """Returns images (B, C, H, W), flipped where `mask`, bool (B,), is true."""
    return torch.where(mask.view(-1, 1, 1, 1), images.flip(-1), images)
