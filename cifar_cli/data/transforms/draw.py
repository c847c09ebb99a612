"""Draws random numbers for the images of a batch.

Numbers are drawn on the generator's device and then copied, so that a seed gives the same numbers on every device.
"""

import numpy
import torch
from torch import Generator, Tensor


def draw_integers(high: int, images: Tensor, *, generator: Generator) -> Tensor:
    """Returns an integer in [0, high) for each image, int64 (B,), on the images' device."""
    numbers = torch.randint(high, (len(images),), generator=generator, device=generator.device)
    return _to_device_of(images, numbers)


def draw_uniform(images: Tensor, *, generator: Generator, count: int = 1) -> Tensor:
    """Returns `count` numbers in [0, 1) for each image, float32 (count, B), on the images' device."""
    numbers = torch.rand(count, len(images), generator=generator, device=generator.device)
    return _to_device_of(images, numbers)


def draw_beta(alpha: float, images: Tensor, *, generator: Generator) -> Tensor:
    """Returns a number of the distribution Beta(alpha, alpha) for each image, float32 (B,), on the images' device."""
    # torch's distributions take no generator.
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    numbers = numpy.random.default_rng(seed).beta(alpha, alpha, size=len(images))
    return _to_device_of(images, torch.from_numpy(numbers).float())


def draw_groups(count: int, images: Tensor, *, generator: Generator) -> list[Tensor]:
    """Returns `count` groups, in one of which each image is, as the images' indices, int64, on the images' device."""
    # Grouped before the copy: how many images are in a group is known without waiting for the device.
    numbers = torch.randint(count, (len(images),), generator=generator, device=generator.device)
    return [_to_device_of(images, (numbers == number).nonzero().flatten()) for number in range(count)]


def draw_partners(images: Tensor, *, generator: Generator) -> Tensor:
    """Returns for each image the index of another, or of itself: a permutation, int64 (B,), on the images' device."""
    return _to_device_of(images, torch.randperm(len(images), generator=generator, device=generator.device))


def _to_device_of(images: Tensor, numbers: Tensor) -> Tensor:
    # A blocking copy would wait until the GPU has finished all earlier steps. On MPS, a non-blocking copy may read
    # freed memory (pytorch issue 189690).
    return numbers.to(images.device, non_blocking=images.device.type != "mps")
