"""TrivialAugment: one random operation of random strength on each image."""

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms import colour
from cifar_cli.data.transforms.affine import affine, rotation, shear_x, shear_y, translation
from cifar_cli.data.transforms.draw import draw_groups, draw_integers

BINS = 31  # the strengths are 0, 1/30, …, 1 of the largest

Operation = Callable[[Tensor, Tensor, Tensor], Tensor]

# Each takes images, the strength in [0, 1] and the strength with a random sign, float (B,). The ranges are those of
# the paper's wide space, as in torchvision's TrivialAugmentWide.
OPERATIONS: dict[str, Operation] = {
    "Identity": lambda images, level, signed: images,
    "ShearX": lambda images, level, signed: affine(images, shear_x(0.99 * signed, height=images.shape[-2])),
    "ShearY": lambda images, level, signed: affine(images, shear_y(0.99 * signed, width=images.shape[-1])),
    "TranslateX": lambda images, level, signed: affine(images, translation((32 * signed).trunc(), 0 * signed)),
    "TranslateY": lambda images, level, signed: affine(images, translation(0 * signed, (32 * signed).trunc())),
    "Rotate": lambda images, level, signed: affine(images, rotation(135 * signed)),
    "Brightness": lambda images, level, signed: colour.brightness(images, 1 + 0.99 * signed),
    "Color": lambda images, level, signed: colour.saturation(images, 1 + 0.99 * signed),
    "Contrast": lambda images, level, signed: colour.contrast(images, 1 + 0.99 * signed),
    "Sharpness": lambda images, level, signed: colour.sharpness(images, 1 + 0.99 * signed),
    "Posterize": lambda images, level, signed: colour.posterize(images, (8 - 6 * level).round().long()),
    "Solarize": lambda images, level, signed: colour.solarize(images, 255 * (1 - level)),
    "AutoContrast": lambda images, level, signed: colour.autocontrast(images),
    "Equalize": lambda images, level, signed: colour.equalize(images),
}


class TrivialAugment:
    """Applies one of the operations to each image. Source: Müller and Hutter, arXiv:2103.10158."""

    def __init__(self, is_on: bool) -> None:
        assert is_on

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        images = batch.images
        groups = draw_groups(len(OPERATIONS), images, generator=generator)
        level = draw_integers(BINS, images, generator=generator) / (BINS - 1)
        signed = level * (1 - 2 * draw_integers(2, images, generator=generator))
        changed = torch.empty_like(images)
        for operation, members in zip(OPERATIONS.values(), groups, strict=True):
            if len(members):
                changed[members] = operation(images[members], level[members], signed[members])
        return replace(batch, images=changed)
