"""Mixup: blends each image and its target with another image of the batch."""

from dataclasses import replace

import torch
from torch import Generator, Tensor
from torch.nn import functional as F

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.draw import draw_beta, draw_partners


class Mixup:
    """Blends each image with another, with a share of its own from Beta(alpha, alpha); targets are blended alike.

    Source: Zhang et al., arXiv:1710.09412. The paper's code draws one share for the whole batch.
    """

    def __init__(self, alpha: float, *, num_classes: int) -> None:
        self.alpha = alpha
        self.num_classes = num_classes

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        partners = draw_partners(batch.images, generator=generator)
        share = draw_beta(self.alpha, batch.images, generator=generator)
        targets = mix_targets(batch.targets, partners=partners, share=share, num_classes=self.num_classes)
        return replace(batch, images=blend(batch.images, partners=partners, share=share), targets=targets)


def blend(images: Tensor, *, partners: Tensor, share: Tensor) -> Tensor:
    """Returns share · image + (1 − share) · its partner. images: float (B, C, H, W); share: float (B,)."""
    return torch.lerp(images[partners], images, share.view(-1, 1, 1, 1))


def mix_targets(targets: Tensor, *, partners: Tensor, share: Tensor, num_classes: int) -> Tensor:
    """Returns share · target + (1 − share) · its partner's as probabilities, float32 (B, num_classes).

    targets: labels, int64 (B,), or probabilities (B, num_classes).
    """
    own = targets if targets.dim() == 2 else F.one_hot(targets, num_classes).float()  # (B, K)
    return torch.lerp(own[partners], own, share[:, None])
