"""Draws random numbers for the images of a batch.

Numbers are drawn on the generator's device, the CPU, and then copied, so that a seed gives the same numbers on every
device. What begins with `host_` stays there: Python can decide by it without waiting for the images' device.
"""

import numpy
import torch
from torch import Generator, Tensor


def draw_integers(high: int, images: Tensor, *, generator: Generator) -> Tensor:
    """Returns an integer in [0, high) for each image, int64 (B,), on the images' device."""
    return to_device_of(images, host_integers(high, len(images), generator=generator))


def draw_uniform(images: Tensor, *, generator: Generator, count: int = 1) -> Tensor:
    """Returns `count` numbers in [0, 1) for each image, float32 (count, B), on the images' device."""
    return to_device_of(images, host_uniform(count, len(images), generator=generator))


def draw_beta(alpha: float, images: Tensor, *, generator: Generator) -> Tensor:
    """Returns a number of the distribution Beta(alpha, alpha) for each image, float32 (B,), on the images' device."""
    # torch's distributions take no generator.
    seed = int(torch.randint(2**62, (), generator=generator, device=generator.device))
    numbers = numpy.random.default_rng(seed).beta(alpha, alpha, size=len(images))
    return to_device_of(images, torch.from_numpy(numbers).float())


def draw_partners(images: Tensor, *, generator: Generator) -> Tensor:
    """Returns for each image the index of another, or of itself: a permutation, int64 (B,), on the images' device."""
    return to_device_of(images, torch.randperm(len(images), generator=generator, device=generator.device))


def host_integers(high: int, *shape: int, generator: Generator) -> Tensor:
    """Returns integers in [0, high), int64."""
    return torch.randint(high, shape, generator=generator, device=generator.device)


def host_uniform(*shape: int, generator: Generator) -> Tensor:
    """Returns numbers in [0, 1), float32."""
    return torch.rand(shape, generator=generator, device=generator.device)


def host_signs(*shape: int, generator: Generator) -> Tensor:
    """Returns 1 or −1, int64."""
    return 1 - 2 * host_integers(2, *shape, generator=generator)


def to_device_of(images: Tensor, numbers: Tensor) -> Tensor:
    """Returns numbers on the images' device, without waiting for it."""
    # A blocking copy would wait until the GPU has finished all earlier steps. On MPS, a non-blocking copy may read
    # freed memory (pytorch issue 189690).
    return numbers.to(images.device, non_blocking=images.device.type != "mps")
