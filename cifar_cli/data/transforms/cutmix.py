"""CutMix: replaces a rectangle of each image by that of another image of the batch."""

from dataclasses import replace

import torch
from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.draw import draw_beta, draw_partners, draw_uniform
from cifar_cli.data.transforms.mixup import mix_targets


class CutMix:
    """Puts a rectangle of another image into each image; the targets are mixed by the areas.

    Every image has a rectangle of its own, whose area before the image's border cuts it is 1 − Beta(alpha, alpha).
    Source: Yun et al., arXiv:1905.04899. The paper's code draws one rectangle for the whole batch.
    """

    def __init__(self, alpha: float, *, num_classes: int) -> None:
        self.alpha = alpha
        self.num_classes = num_classes

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        partners = draw_partners(batch.images, generator=generator)
        inside = draw_rectangles(self.alpha, batch.images, generator=generator)
        share = share_outside(inside)
        targets = mix_targets(batch.targets, partners=partners, share=share, num_classes=self.num_classes)
        return replace(batch, images=paste(batch.images, partners=partners, inside=inside), targets=targets)


def draw_rectangles(alpha: float, images: Tensor, *, generator: Generator) -> Tensor:
    """Returns a random rectangle of each image, bool (B, H, W)."""
    height, width = images.shape[-2:]
    half = 0.5 * (1 - draw_beta(alpha, images, generator=generator)).sqrt()  # of a side
    center_y, center_x = draw_uniform(images, generator=generator, count=2)
    return rectangles(half, center_y=(center_y * height).long(), center_x=(center_x * width).long(), size=images)


def rectangles(half: Tensor, *, center_y: Tensor, center_x: Tensor, size: Tensor) -> Tensor:
    """Returns bool (B, H, W), true in [center − int(half · side), center + int(half · side)) of both axes.

    half: float (B,) in [0, 0.5]; center_y, center_x: int64 (B,); size: images (B, C, H, W).
    """
    height, width = size.shape[-2:]
    rows, columns = _between(center_y, half, length=height), _between(center_x, half, length=width)
    return rows[:, :, None] & columns[:, None, :]


def share_outside(inside: Tensor) -> Tensor:
    """Returns the share of the pixels that are outside the rectangle, float32 (B,)."""
    return 1 - inside.flatten(1).float().mean(1)


def paste(images: Tensor, *, partners: Tensor, inside: Tensor) -> Tensor:
    """Returns images (B, C, H, W) with the partner's pixels where `inside`, bool (B, H, W), is true."""
    return torch.where(inside[:, None], images[partners], images)


def _between(center: Tensor, half: Tensor, *, length: int) -> Tensor:
    """Returns bool (B, length), true at less than int(half · length) from the centre, the lower end included."""
    reach = (half * length).long()[:, None]
    offset = torch.arange(length, device=center.device) - center[:, None]
    return (offset >= -reach) & (offset < reach)
