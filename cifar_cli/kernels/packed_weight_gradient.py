"""A 3×3 convolution on small maps whose weight gradient is computed on several images packed into one wide image.

A weight's gradient is a sum over all pixels of all images. Cut into many small maps, the sum is slow to compute.
Several maps with a column of zeros between them are one wide map that gives the same sum: the zeros are the padding.
"""

import math
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.functional import conv2d

PACKED_PIXELS = 180  # 4 images of 7×7 or 20 of 3×3; measured: docs/experiments/fast_convolutions.md


def packed_conv3x3(images: Tensor, weight: Tensor) -> Tensor:
    """Returns `nn.functional.conv2d(images, weight, padding=1)`; the weight's gradient is equal up to rounding.

    Takes (N, C_in, H, W) and filters (C_out, C_in, 3, 3), gives (N, C_out, H, W), fastest if all are channels_last.
    Has a first derivative, no second. Faster for some shapes only: see kernel_choice.py.
    """
    convolved: Tensor = _PackedConvolution.apply(images, weight)
    return convolved


def pack_maps(maps: Tensor) -> Tensor:
    """Returns maps (N, C, H, W) packed into rows: (rows, C, H, maps in a row · (W + 1)), in channels_last.

    A column of zeros stands to the right of each map; zero maps fill the last row.
    """
    count, channels, height, width = maps.shape
    in_row = max(1, round(PACKED_PIXELS / (height * width)))
    rows, in_full_rows = math.ceil(count / in_row), count // in_row * in_row
    planes = maps.permute(0, 2, 3, 1)  # (N, H, W, C)
    packed = maps.new_empty(rows, height, in_row, width + 1, channels)
    packed[:, :, :, width] = 0  # only the gaps are cleared: all other places are written
    packed[: in_full_rows // in_row, :, :, :width] = planes[:in_full_rows].unflatten(0, (-1, in_row)).transpose(1, 2)
    if in_full_rows < count:
        packed[-1, :, count - in_full_rows :] = 0
        packed[-1, :, : count - in_full_rows, :width] = planes[in_full_rows:].transpose(0, 1)
    return packed.flatten(2, 3).permute(0, 3, 1, 2)


def packed_weight_gradient(gradient: Tensor, images: Tensor, weight: Tensor) -> Tensor:
    """Returns the gradient of filters (C_out, C_in, 3, 3) from that of their output (N, C_out, H, W)."""
    return _gradients(pack_maps(gradient), pack_maps(images), weight, of_images=False)


class _PackedConvolution(Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        return conv2d(images, weight, padding=1)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, weight = ctx.saved_tensors
        needs_images, needs_weight = ctx.needs_input_grad
        return (
            _gradients(gradient, images, weight, of_images=True) if needs_images else None,
            packed_weight_gradient(gradient, images, weight) if needs_weight else None,
        )


def _gradients(gradient: Tensor, images: Tensor, weight: Tensor, *, of_images: bool) -> Tensor:
    """Returns one of the two gradients as torch computes it."""
    output_mask = [of_images, not of_images, False]  # images, weight, bias
    gradients = torch.ops.aten.convolution_backward(
        gradient, images, weight, None, [1, 1], [1, 1], [1, 1], False, [0, 0], 1, output_mask
    )
    chosen: Tensor = gradients[0 if of_images else 1]
    return chosen
