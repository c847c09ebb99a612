"""Mixup or CutMix, chosen at random for each image."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.cutmix import draw_rectangles, paste, share_outside
from cifar_cli.data.transforms.draw import draw_beta, draw_integers, draw_partners
from cifar_cli.data.transforms.mixup import blend, mix_targets


class MixupOrCutMix:
    """Applies one of the two to each image, each with probability 1/2. alphas: that of mixup and that of CutMix."""

    def __init__(self, alphas: Sequence[float], *, num_classes: int) -> None:
        self.mixup_alpha, self.cutmix_alpha = alphas
        self.num_classes = num_classes

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        images = batch.images
        is_mixup = draw_integers(2, images, generator=generator) == 1
        partners = draw_partners(images, generator=generator)
        share = draw_beta(self.mixup_alpha, images, generator=generator)
        inside = draw_rectangles(self.cutmix_alpha, images, generator=generator)
        blended, pasted = blend(images, partners=partners, share=share), paste(images, partners=partners, inside=inside)
        share = torch.where(is_mixup, share, share_outside(inside))
        return replace(
            batch,
            images=torch.where(is_mixup.view(-1, 1, 1, 1), blended, pasted),
            targets=mix_targets(batch.targets, partners=partners, share=share, num_classes=self.num_classes),
        )
