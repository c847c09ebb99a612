"""RandAugment: random operations of one magnitude, one after the other, on each image."""

from collections.abc import Sequence
from dataclasses import replace

from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.draw import host_integers, host_signs
from cifar_cli.data.transforms.magnitude_space import autoaugment_ranges, magnitude_space

BINS = 31  # torchvision's; a magnitude is the number of one, from 0


class RandAugment:
    """Applies torchvision's RandAugment(num_ops, magnitude). Source: Cubuk et al., arXiv:1909.13719."""

    def __init__(self, operations_and_magnitude: Sequence[int]) -> None:
        self.num_ops, self.magnitude = operations_and_magnitude

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        ranges = autoaugment_ranges(*batch.images.shape[-2:])
        numbers = host_integers(len(ranges), self.num_ops, len(batch), generator=generator)
        signs = host_signs(self.num_ops, len(batch), generator=generator)
        images = rand_augment(batch.images, numbers=numbers, magnitude=self.magnitude, signs=signs)
        return replace(batch, images=images)


def rand_augment(images: Tensor, *, numbers: Tensor, magnitude: int, signs: Tensor) -> Tensor:
    """Returns uint8 images (B, C, H, W), changed by the drawn operations.

    numbers: of the operations, and signs, 1 or −1: int64 (num_ops, B), on the CPU.
    """
    space = magnitude_space(autoaugment_ranges(*images.shape[-2:]), bins=BINS)
    bins = numbers.new_full((len(images),), magnitude)
    for number, sign in zip(numbers, signs, strict=True):
        images = space.apply(images, numbers=number, bins=bins, signs=sign)
    return images
