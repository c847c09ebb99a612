"""Draws random numbers for the images of a batch."""

import torch
from torch import Generator, Tensor


def draw_integers(high: int, images: Tensor, *, generator: Generator) -> Tensor:
    """Returns an integer in [0, high) for each image, int64 (B,), on the images' device."""
    numbers = torch.randint(high, (len(images),), generator=generator, device=generator.device)
    # A copy that blocks would have the program wait until the GPU has done all steps that it was given before. On MPS
    # one that does not block may read memory that is freed already (pytorch issue 189690).
    return numbers.to(images.device, non_blocking=images.device.type != "mps")
