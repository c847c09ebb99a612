"""Cutout: paints a square over each image."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.draw import draw_integers


class Cutout:
    """Paints a `size` × `size` square over each image, centred on any of its pixels, in the training set's mean colour.

    Near the border, a part of the square lies outside the image.
    mean: per channel, in [0, 1]. Source: DeVries and Taylor, arXiv:1708.04552.
    """

    def __init__(self, size: int, *, mean: Sequence[float]) -> None:
        self.size = size
        self.fill = tuple(round(255 * channel) for channel in mean)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        height, width = batch.images.shape[-2:]
        center_y = draw_integers(height, batch.images, generator=generator)
        center_x = draw_integers(width, batch.images, generator=generator)
        painted = erase(batch.images, center_y=center_y, center_x=center_x, size=self.size, fill=self.fill)
        return replace(batch, images=painted)


def erase(images: Tensor, *, center_y: Tensor, center_x: Tensor, size: int, fill: Sequence[int]) -> Tensor:
    """Returns images with a painted square: rows center_y − size // 2 and the next `size` − 1, columns likewise.

    center_y, center_x: int64 (B,); fill: a value in [0, 255] per channel.
    """
    height, width = images.shape[-2:]
    rows = _covered(height, start=center_y - size // 2, size=size)  # (B, H)
    columns = _covered(width, start=center_x - size // 2, size=size)  # (B, W)
    covered = rows[:, :, None] & columns[:, None, :]  # (B, H, W)
    painted = images.clone()
    for channel, value in enumerate(fill):  # Python numbers: a tensor would have to be copied to the device
        painted[:, channel].masked_fill_(covered, value)
    return painted


def _covered(length: int, *, start: Tensor, size: int) -> Tensor:
    """Returns bool (B, length), true at positions in [start, start + size) of an axis. start: int64 (B,)."""
    positions = torch.arange(length, device=start.device)
    return (positions >= start[:, None]) & (positions < start[:, None] + size)
