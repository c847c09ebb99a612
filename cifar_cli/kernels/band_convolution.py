"""A 3×3 convolution on a map of few pixels as a few large matrix products.

A row of the output is a row of the input times a matrix for each row of the filter. The matrix takes all columns of a
row at once: its blocks (C_in, C_out) are the filter's three taps, in a band along the diagonal, and 0 where two columns
are no neighbours. So a row of the output is one product of up to three rows of the input, which lie behind one another
in channels_last, and as many band matrices. The zeros are multiplied too: that pays on narrow maps only.
"""

from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

from cifar_cli.kernels.packed_weight_gradient import packed_weight_gradient

MAX_GRADIENT_PIXELS = 2  # on a side: on larger maps the weight gradient is faster packed


def band_conv3x3(images: Tensor, weight: Tensor) -> Tensor:
    """Returns `nn.functional.conv2d(images, weight, padding=1)`, up to rounding.

    Takes (N, C_in, H, W) and filters (C_out, C_in, 3, 3) of one precision, gives (N, C_out, H, W) in channels_last. Has
    a first derivative, no second. Faster for some shapes only: see kernel_choice.py.
    """
    with torch.autocast("cpu", enabled=False):
        convolved: Tensor = _BandConvolution.apply(images, weight)
    return convolved


def band_matrices(weight: Tensor, width: int) -> Tensor:
    """Returns the band matrix of each row of filters (C_out, C_in, 3, 3): (width · C_out, 3, width · C_in)."""
    c_out, c_in = weight.shape[:2]
    taps = weight.permute(0, 2, 3, 1)  # (C_out, rows, columns, C_in)
    matrices = weight.new_zeros(width, c_out, 3, width, c_in)
    for column, neighbours, columns in _bands(width):
        matrices[column, :, :, neighbours] = taps[:, :, columns]
    return matrices.view(width * c_out, 3, width * c_in)


def filters_of_bands(matrices: Tensor, width: int) -> Tensor:
    """Returns the filters' gradient (C_out, C_in, 3, 3) from that of their band matrices: the sum over all columns."""
    blocks = matrices.view(width, -1, 3, width, matrices.shape[2] // width)  # (width, C_out, 3, width, C_in)
    taps = blocks.new_zeros(blocks.shape[1], 3, 3, blocks.shape[4])
    for column, neighbours, columns in _bands(width):
        taps[:, :, columns] += blocks[column, :, :, neighbours]
    return taps.permute(0, 3, 1, 2)


class _BandConvolution(Function):
    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        ctx.save_for_backward(images, weight)
        return _convolve(images, weight)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, weight = ctx.saved_tensors
        needs_images, needs_weight = ctx.needs_input_grad
        with torch.autocast("cpu", enabled=False):
            mirrored = weight.flip(2, 3).transpose(0, 1)  # each pixel passes on what it took part in
            return (
                _convolve(gradient, mirrored) if needs_images else None,
                _weight_gradient(gradient, images, weight) if needs_weight else None,
            )


def _convolve(images: Tensor, weight: Tensor) -> Tensor:
    height, width = images.shape[2:]
    rows = _rows(images)
    matrices = band_matrices(weight, width)
    convolved = rows.new_empty(len(rows), height, len(matrices))
    for row, neighbours, filter_rows in _bands(height):
        filters = matrices[:, filter_rows].flatten(1)
        torch.mm(rows[:, neighbours].flatten(1), filters.t(), out=convolved[:, row])
    return convolved.view(len(rows), height, width, -1).permute(0, 3, 1, 2)


def _weight_gradient(gradient: Tensor, images: Tensor, weight: Tensor) -> Tensor:
    height, width = images.shape[2:]
    if max(height, width) > MAX_GRADIENT_PIXELS:
        return packed_weight_gradient(gradient, images, weight)
    upper, lower = _rows(gradient), _rows(images)
    # Summed in fp32 at least: in bf16 the sum would be rounded once more for each row.
    dtype = torch.promote_types(weight.dtype, torch.float32)
    matrices = torch.zeros(upper.shape[2], 3, lower.shape[2], dtype=dtype)
    for row, neighbours, filter_rows in _bands(height):
        products = torch.mm(upper[:, row].t(), lower[:, neighbours].flatten(1))
        matrices[:, filter_rows] += products.view(len(products), -1, lower.shape[2])
    return filters_of_bands(matrices, width).to(weight.dtype)


def _rows(maps: Tensor) -> Tensor:
    """Returns maps (N, C, H, W) as rows (N, H, W · C), contiguous; a view of maps in channels_last."""
    return maps.permute(0, 2, 3, 1).contiguous().flatten(2)


def _bands(pixels: int) -> Iterator[tuple[int, slice, slice]]:
    """Yields each position of an output line, its neighbours in the input, and the filter's taps that meet them."""
    for position in range(pixels):
        first, end = max(0, position - 1), min(pixels, position + 2)
        yield position, slice(first, end), slice(first - position + 1, end - position + 1)
