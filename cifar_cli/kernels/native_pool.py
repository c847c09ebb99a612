"""2×2 max pooling by native.c, with a ReLU before it or without: torch's bits, but that a ReLU's −0 becomes 0.

The maximum of four ReLUs is the ReLU of the maximum: one pass computes both. It keeps one byte for each output, where
torch keeps eight, and the ReLU's output.
"""

from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function

from cifar_cli.kernels.native_calls import call, fits_by_pixel, is_bf16

MIN_CHANNELS_FP32 = 32  # fewer are slower than by torch, in fp32; measured: docs/experiments/native_kernels.md


def max_pool2x2(features: Tensor, *, relu: bool = False) -> Tensor:
    """Returns `nn.functional.max_pool2d(features, 2)`: (B, C, H, W) → (B, C, H // 2, W // 2).

    relu: of the features' ReLU. For features in channels_last, of two pixels a side and more, in fp32 or bf16.
    """
    pooled: Tensor = _MaxPool.apply(features, relu)
    return pooled


def fits_pool(features: Tensor) -> bool:
    """Returns whether native.c can pool the features, faster than torch."""
    if not fits_by_pixel(features) or min(features.shape[2:]) < 2:
        return False
    return is_bf16(features) or features.shape[1] >= MIN_CHANNELS_FP32


class _MaxPool(Function):
    @staticmethod
    def forward(ctx: Any, features: Tensor, relu: bool) -> Tensor:
        images, channels, height, width = features.shape
        shape = (images, channels, height // 2, width // 2)
        pooled = torch.empty(shape, dtype=features.dtype, memory_format=torch.channels_last)
        # Which of the four pixels; 4 for none.
        which = torch.empty(shape, dtype=torch.uint8, memory_format=torch.channels_last)
        call("max_pool", False, is_bf16(features), features, pooled, which, relu, images, height, width, channels)
        ctx.shape = features.shape
        ctx.save_for_backward(which)
        return pooled

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (which,) = ctx.saved_tensors
        if torch.is_grad_enabled():  # a second derivative is wanted
            return _spread(gradient, which, ctx.shape), None
        images, channels, height, width = ctx.shape
        gradient = gradient.contiguous(memory_format=torch.channels_last)
        of_features = torch.empty(ctx.shape, dtype=gradient.dtype, memory_format=torch.channels_last)
        call("max_pool", True, is_bf16(gradient), of_features, gradient, which, False, images, height, width, channels)
        return of_features, None


def _spread(gradient: Tensor, which: Tensor, shape: torch.Size) -> Tensor:
    """Returns the gradient of the features, as a function of the outputs' gradient that has derivatives itself."""
    height, width = shape[2:]
    gradient, which = gradient.masked_fill(which == 4, 0), which % 4
    rows = 2 * torch.arange(height // 2)[:, None] + which // 2
    columns = 2 * torch.arange(width // 2) + which % 2
    zeros = gradient.new_zeros(*shape[:2], height * width)
    return zeros.scatter(2, (rows * width + columns).flatten(2), gradient.flatten(2)).view(shape)
