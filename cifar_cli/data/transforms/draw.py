"""Draws random numbers for the images of a batch."""

import torch
from torch import Generator, Tensor


def draw_integers(high: int, images: Tensor, *, generator: Generator) -> Tensor:
    """Returns an integer in [0, high) for each image, int64 (B,), on the images' device."""
    numbers = torch.randint(high, (len(images),), generator=generator, device=generator.device)
    # A blocking copy would wait until the GPU has finished all earlier steps. On MPS, a non-blocking copy may read
    # freed memory (pytorch issue 189690).
    return numbers.to(images.device, non_blocking=images.device.type != "mps")
