"""2×2 max pooling by native.c: the bits are torch's. Keeps one byte for each output, torch eight."""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.nn import functional as F

from cifar_cli.kernels.native_calls import call, fits_by_pixel, is_bf16

MIN_CHANNELS_FP32 = 32  # fewer are slower than by torch, in fp32; measured: docs/experiments/native_kernels.md


def max_pool2x2(features: Tensor) -> Tensor:
    """Returns `nn.functional.max_pool2d(features, 2)`: (B, C, H, W) → (B, C, H // 2, W // 2).

    For features in channels_last, of two pixels a side and more, in fp32 or bf16.
    """
    pooled: Tensor = _MaxPool.apply(features)
    return pooled


def fits_pool(features: Tensor) -> bool:
    """Returns whether native.c can pool the features, faster than torch."""
    if not fits_by_pixel(features) or min(features.shape[2:]) < 2:
        return False
    return is_bf16(features) or features.shape[1] >= MIN_CHANNELS_FP32


def relu_in_place(pooled: Tensor) -> Tensor:
    """Returns the ReLU of the output of a pooling, which it overwrites.

    torch's own keeps its output for the way back, so that the next layer could not work in place. A pooling keeps none.
    """
    activated: Tensor = _ReluInPlace.apply(pooled)
    return activated


class _MaxPool(Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor) -> Tensor:
        images, channels, height, width = features.shape
        shape = (images, channels, height // 2, width // 2)
        pooled = torch.empty(shape, dtype=features.dtype, memory_format=torch.channels_last)
        which = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)  # of the four pixels
        call("max_pool", False, is_bf16(features), features, pooled, which, images, height, width, channels)
        ctx.shape = features.shape
        ctx.save_for_backward(which)
        return pooled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (which,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted
            return _spread(gradient, which, ctx.shape)
        images, channels, height, width = ctx.shape
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_features = torch.empty(ctx.shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        call("max_pool", True, is_bf16(gradient), of_features, gradient, which, images, height, width, channels)
        return of_features


class _ReluInPlace(Function):
    @staticmethod
    def forward(ctx: Any, pooled: Tensor) -> Tensor:
        if ctx.needs_input_grad[0]:
            ctx.save_for_backward(pooled <= 0)
        ctx.mark_dirty(pooled)
        return F.relu(pooled, inplace=True)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> Tensor:
        (is_cut,) = ctx.saved_tensors
        return torch.where(is_cut, 0.0, gradient)


def _spread(gradient: Tensor, which: Tensor, shape: torch.Size) -> Tensor:
    """Returns the gradient of the features, as a function of the outputs' gradient that has derivatives itself."""
    height, width = shape[2:]
    rows = 2 * torch.arange(height // 2)[:, None] + which // 2
    columns = 2 * torch.arange(width // 2) + which % 2
    zeros = gradient.new_zeros(*shape[:2], height * width)
    return zeros.scatter(2, (rows * width + columns).flatten(2), gradient.flatten(2)).view(shape)
