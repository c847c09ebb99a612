"""Colour jitter: random brightness, contrast, saturation and hue, in a random order."""

from collections.abc import Sequence
from dataclasses import replace

import torch
from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.colour import brightness, contrast, hue, saturation
from cifar_cli.data.transforms.draw import host_uniform
from cifar_cli.data.transforms.operations import Operation, apply_one_each

OPERATIONS: tuple[Operation, ...] = (brightness, contrast, saturation, hue)


class ColorJitter:
    """Applies torchvision's ColorJitter(brightness, contrast, saturation, hue), with factors and an order per image.

    The factors are in [max(0, 1 − strength), 1 + strength], and that of the hue in [−strength, strength].
    """

    def __init__(self, strengths: Sequence[float]) -> None:
        self.strengths = tuple(strengths)

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        drawn = host_uniform(8, len(batch), generator=generator)
        ranges = [(max(0.0, 1 - strength), 1 + strength) for strength in self.strengths[:3]]
        ranges.append((-self.strengths[3], self.strengths[3]))
        factors = [low + (high - low) * numbers for (low, high), numbers in zip(ranges, drawn[:4], strict=True)]
        order = drawn[4:].argsort(0)  # (4, B): the operation of each position
        return replace(batch, images=jitter(batch.images, factors=torch.stack(factors), order=order, used=self._used()))

    def _used(self) -> list[int]:
        return [number for number, strength in enumerate(self.strengths) if strength]


def jitter(images: Tensor, *, factors: Tensor, order: Tensor, used: Sequence[int]) -> Tensor:
    """Returns images (B, C, H, W) after the operations `used` of the four, in the order of each image.

    factors: of each operation, float (4, B); order: int64 (4, B), the number of the operation at each position; both on
    the CPU.
    """
    operations = [operation if number in used else _keep for number, operation in enumerate(OPERATIONS)]
    for numbers in order:
        magnitudes = factors.gather(0, numbers[None])[0]
        images = apply_one_each(images, operations, numbers=numbers, magnitudes=magnitudes)
    return images


def _keep(images: Tensor, factor: Tensor) -> Tensor:
    return images
