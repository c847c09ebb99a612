"""Compares convolutions in the chosen precision, and their gradients, with convolutions in float64 on the CPU."""

import torch
from torch import Tensor

from cifar_cli.training.runtime import Runtime

MAX_ERROR = 0.01  # relative, of the norm: rounding to bf16 leaves 0.4 % at most, wrong results far more

SHAPES = (  # of images and filters
    ((8, 3, 32, 32), (24, 3, 2, 2)),  # a kernel that torch has had wrong results with
    ((8, 24, 31, 31), (64, 24, 3, 3)),
    ((8, 256, 3, 3), (256, 256, 3, 3)),
    ((8, 3, 32, 32), (32, 3, 5, 5)),
)


def largest_convolution_error(runtime: Runtime) -> tuple[float, str]:
    """Returns the largest relative error of values and gradients over the shapes, NaN included, and its filters."""
    errors = {"×".join(map(str, filters)): _error(images, filters, runtime) for images, filters in SHAPES}
    worst = max(errors, key=lambda shape: float("inf") if errors[shape] != errors[shape] else errors[shape])
    return errors[worst], worst


def _error(image_shape: tuple[int, ...], filter_shape: tuple[int, ...], runtime: Runtime) -> float:
    generator = torch.Generator().manual_seed(0)
    images, weight = torch.randn(image_shape, generator=generator), torch.randn(filter_shape, generator=generator)
    with runtime.autocast():
        computed = _values_and_gradients(images.to(runtime.device), weight.to(runtime.device))
    exact = _values_and_gradients(images.double(), weight.double())
    differences = [
        (ours.cpu().double() - theirs).norm() / theirs.norm() for ours, theirs in zip(computed, exact, strict=True)
    ]
    return float(torch.stack(differences).max())  # max keeps a NaN


def _values_and_gradients(images: Tensor, weight: Tensor) -> list[Tensor]:
    inputs = [tensor.contiguous(memory_format=torch.channels_last).requires_grad_() for tensor in (images, weight)]
    padding = (weight.shape[-1] - 1) // 2
    convolved = torch.nn.functional.conv2d(inputs[0], inputs[1], padding=padding)
    # Fixed gradients, which every precision holds exactly.
    signs = torch.ones_like(convolved)
    signs[:, ::2] = -1
    return [convolved.detach(), *torch.autograd.grad(convolved, inputs, signs)]
