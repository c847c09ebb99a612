"""3×3 convolutions with a third of the multiplications: Winograd's minimal filtering, forward and both gradients.

In a line, a filter of three taps needs 3 products for each of m neighbouring outputs. But a convolution is a product of
polynomials, and its values at m + 2 points determine it: all m outputs together need one product per point. On a plane
a tile needs (m + 2)² products instead of 9·m². The products at one point, over all tiles and channels, are one matrix
product. The transformations to the points and back are linear, so the gradients use the transposed matrices of
winograd_tiles.py.
Source: Lavin and Gray, arXiv:1509.09308.
"""

from collections.abc import Iterator, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from cifar_cli.kernels.winograd_tiles import Tiling, tiling_of

CHUNK_BYTES = 64 * 2**20  # of values at the points: they stay in cache; measured: docs/experiments/fast_convolutions.md


def winograd_conv3x3(images: Tensor, weight: Tensor, *, window: int = 1) -> Tensor:
    """Returns `nn.functional.conv2d(images, weight, padding=1)`, up to rounding.

    Takes (N, C_in, H, W) and filters (C_out, C_in, 3, 3), gives (N, C_out, H, W) in channels_last and in the images'
    precision, also under autocast. Filters may have a higher precision; their gradient is then summed in it.
    With a `window`, the last rows and columns that fill no window of so many pixels are left out: a pooling drops them.
    Has a first derivative, no second. Faster for some shapes only: see kernel_choice.py.
    """
    with torch.autocast("cpu", enabled=False):
        convolved: Tensor = _WinogradConvolution.apply(images, weight, window)
    return convolved


class _WinogradConvolution(Function):
    """Saves the images' values at the points for backward instead of the images: more memory, computed once."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, window: int) -> Tensor:
        tiling = tiling_of(*images.shape[2:], window, images.dtype)
        filters = tiling.filter_values(weight).to(images.dtype)  # (points, C_in, C_out)
        planes = images.permute(0, 2, 3, 1)  # (N, H, W, C_in), contiguous if channels_last
        convolved = planes.new_empty(len(planes), *tiling.size, len(weight))
        saved: list[Tensor] = []
        for chunk in _chunks(tiling, images, filters):
            values = tiling.inputs.spread(planes[chunk])
            products = _empty_like(values, channels=len(weight))
            for tile_values, tile_products, tile_filters in tiling.products(values, products, filters):
                torch.bmm(tile_values, tile_filters, out=tile_products)
            convolved[chunk] = tiling.outputs.gather(products)
            if ctx.needs_input_grad[1]:
                saved.extend(values)
        ctx.tiling, ctx.weight_dtype, ctx.images_shape = tiling, weight.dtype, planes.shape
        ctx.save_for_backward(filters, *saved)
        return convolved.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        needs_images, needs_weight, _ = ctx.needs_input_grad
        filters, *saved = ctx.saved_tensors
        tiling: Tiling = ctx.tiling
        gradient_planes = gradient.permute(0, 2, 3, 1)  # (N, H, W, C_out)
        images_gradient = gradient_planes.new_empty(ctx.images_shape) if needs_images else None
        filters_gradient = torch.zeros_like(filters, dtype=ctx.weight_dtype)
        with torch.autocast("cpu", enabled=False):
            for chunk in _chunks(tiling, gradient_planes, filters):
                products = tiling.outputs.spread(gradient_planes[chunk])
                if needs_weight:
                    values = [saved.pop(0) for _ in products]
                    for tile_values, tile_products, tile_gradient in tiling.products(
                        values, products, filters_gradient
                    ):
                        _add_product(tile_gradient, tile_values.mT, tile_products)
                if images_gradient is not None:
                    values = _empty_like(products, channels=filters.shape[1])
                    for tile_values, tile_products, tile_filters in tiling.products(values, products, filters):
                        torch.bmm(tile_products, tile_filters.mT, out=tile_values)
                    images_gradient[chunk] = tiling.inputs.gather(values)
            return (
                None if images_gradient is None else images_gradient.permute(0, 3, 1, 2),
                tiling.filter_gradient(filters_gradient) if needs_weight else None,
                None,
            )


def _chunks(tiling: Tiling, images: Tensor, filters: Tensor) -> Iterator[slice]:
    """Returns slices of the batch whose values at the points take about CHUNK_BYTES. filters: (points, C_in, C_out)."""
    numbers = tiling.points_per_image * (filters.shape[1] + filters.shape[2])
    size = max(1, CHUNK_BYTES // (numbers * images.element_size()))
    return (slice(start, start + size) for start in range(0, len(images), size))


def _empty_like(values: Sequence[Tensor], *, channels: int) -> list[Tensor]:
    return [tensor.new_empty(*tensor.shape[:3], channels) for tensor in values]


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """Computes total += left @ right, in one pass if all three have one precision."""
    if total.dtype == left.dtype:
        torch.baddbmm(total, left, right, out=total)
    else:
        total += torch.bmm(left, right)
