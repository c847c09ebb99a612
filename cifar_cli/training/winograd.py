"""3×3 convolutions with a third of the multiplications: Winograd's minimal filtering, forward and both gradients.

Of m neighbouring numbers that a filter of three gives, each takes 3 products. Seen as a product of polynomials, known
by its values at m + 2 points, all m of them take one product a point. On a plane that is (m + 2)² products a tile
instead of 9·m², and the products of one point, over all tiles and channels, are a plain matrix product. The way to the
values at the points and back is linear too, so the gradients go the same way back, by the transposed matrices.

Plain torch, and knows nothing of models or configurations. Source: Lavin and Gray, arXiv:1509.09308.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import torch
from torch import Tensor
from torch.autograd import Function
from torch.autograd.function import once_differentiable

# By the m outputs of a tile: the m + 1 points besides infinity. Chosen for small rounding errors, among points that lie
# about 0: relative to float64 the results are off by up to 1.5e-6, those of torch's convolution by up to 8e-7.
POINTS: Mapping[int, tuple[float, ...]] = {
    2: (0, 1, -1),
    3: (0.4, -0.4, 1.3, -1.3),
    4: (0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2), -math.sqrt(2)),
}

# The values at the points are two to three times as many as the images': so many bytes of them at a time stay in cache.
# 16 to 64 MiB were much alike on a Xeon with a large cache. On an AMD EPYC (AVX2, a cache of 32 MiB) 64 MiB took 2 to
# 10 % less time than 32 MiB, and 2 MiB up to twice as much: in fewer chunks the filters are read less often.
CHUNK_BYTES = 64 * 2**20


def convolution3x3(images: Tensor, weight: Tensor) -> Tensor:
    """What `nn.functional.conv2d(images, weight, padding=1)` gives, up to rounding.

    Takes (N, C_in, H, W) and filters (C_out, C_in, 3, 3), gives (N, C_out, H, W), laid out as channels_last. Has a
    first derivative and no second. Faster for some shapes only: `training.fast_convolutions` knows which.
    """
    convolved: Tensor = _Convolution.apply(images, weight)
    return convolved


@dataclass(frozen=True)
class _Line:
    """The matrices for rows, or columns, of `length` pixels, in `tiles` tiles of `points` points each."""

    tiles: int
    points: int
    inputs: Tensor  # (tiles · points, length): pixels, zeros beyond them, to their values at the points
    filters: Tensor  # (points, 3): a filter to its values at the points
    outputs: Tensor  # (length, tiles · points): products at the points to pixels


@lru_cache
def _line(length: int, dtype: torch.dtype) -> _Line:
    # The tile that needs the fewest points for the whole line, the smaller one if two do.
    outputs = min(POINTS, key=lambda m: (math.ceil(length / m) * (m + 2), m))
    tiles, points = math.ceil(length / outputs), outputs + 2
    at_points = torch.tensor(POINTS[outputs], dtype=torch.float64)
    differences = at_points[:, None] - at_points + torch.eye(len(at_points), dtype=torch.float64)
    scale = torch.cat([differences.prod(dim=1), torch.ones(1, dtype=torch.float64)])  # Lagrange's, keeps numbers near 1
    of_tile = torch.linalg.inv(_powers(at_points, points)).T * scale[:, None]  # (points, points)
    padded = torch.zeros(tiles, points, tiles * outputs + 2, dtype=torch.float64)
    back = torch.zeros(tiles * outputs, tiles, points, dtype=torch.float64)
    for tile in range(tiles):
        start = tile * outputs
        padded[tile, :, start : start + points] = of_tile
        back[start : start + outputs, tile] = _powers(at_points, outputs).T
    return _Line(
        tiles,
        points,
        # Column 0 is the zero before the first pixel, those from length + 1 on the zeros behind the last.
        inputs=padded[:, :, 1 : length + 1].reshape(tiles * points, length).to(dtype),
        filters=(_powers(at_points, 3) / scale[:, None]).to(dtype),
        outputs=back[:length].reshape(length, tiles * points).to(dtype),
    )


def _powers(at_points: Tensor, count: int) -> Tensor:
    """The first `count` powers of each point, and of infinity, which sees the highest alone."""
    finite = at_points[:, None] ** torch.arange(count)
    infinite = torch.eye(count, dtype=at_points.dtype)[-1:]
    return torch.cat([finite, infinite])  # (points, count)


def _transformed(planes: Tensor, rows: Tensor, columns: Tensor, into: Tensor | None = None) -> Tensor:
    """Multiplies every channel's plane by `rows` from the left and the transposed `columns` from the right.

    Takes (N, H, W, C), gives (N, len(rows), len(columns), C), written to `into` where it is given.
    """
    images, height, width, channels = planes.shape
    tall = torch.bmm(rows.expand(images, -1, -1), planes.reshape(images, height, width * channels))
    tall = tall.view(images * len(rows), width, channels)
    shape = (len(tall), len(columns), channels)
    across = columns.expand(len(tall), -1, -1)
    out = planes.new_empty(shape) if into is None else into.view(shape)
    return torch.bmm(across, tall, out=out).view(images, len(rows), len(columns), channels)


@dataclass(frozen=True)
class _Tiling:
    """How planes of one size are cut, and the order in which the products of a point are found again.

    From top to bottom lies tile after tile with its points; from left to right point after point, with each tile's
    value there. So the tiles below one another, of all images, are the evenly spaced rows of one matrix.
    """

    vertical: _Line
    horizontal: _Line

    def filters(self, weight: Tensor) -> Tensor:
        """(C_out, C_in, 3, 3) to a matrix (C_in, C_out) for each point."""
        taps = weight.permute(2, 3, 1, 0)  # (3, 3, C_in, C_out)
        filters = _transformed(taps.reshape(1, 3, 3, -1), self.vertical.filters, self.horizontal.filters)
        return filters.view(-1, *taps.shape[2:])

    def filter_gradient(self, gradient: Tensor) -> Tensor:
        """The way back from `filters`, for its gradient."""
        in_channels, out_channels = gradient.shape[1:]
        each = gradient.view(1, self.vertical.points, self.horizontal.points, -1)
        taps = _transformed(each, self.vertical.filters.T, self.horizontal.filters.T)
        return taps.view(3, 3, in_channels, out_channels).permute(3, 2, 0, 1)

    def inputs(self, planes: Tensor) -> Tensor:
        return _transformed(planes, self.vertical.inputs, self._by_column(self.horizontal.inputs))

    def outputs(self, products: Tensor, *, into: Tensor) -> None:
        _transformed(products, self.vertical.outputs, self._by_column(self.horizontal.outputs.T).T, into)

    def input_gradient(self, gradient: Tensor, *, into: Tensor) -> None:
        _transformed(gradient, self.vertical.inputs.T, self._by_column(self.horizontal.inputs).T, into)

    def output_gradient(self, planes: Tensor) -> Tensor:
        return _transformed(planes, self.vertical.outputs.T, self._by_column(self.horizontal.outputs.T))

    def _by_column(self, matrix: Tensor) -> Tensor:
        return matrix.view(self.horizontal.tiles, self.horizontal.points, -1).transpose(0, 1).reshape(matrix.shape)

    def columns_of_tiles(self, values: Tensor) -> list[Tensor]:
        """Views of (N, rows, columns, C), for each column of tiles: (points, N · tiles below one another, C)."""
        images, _, columns, channels = values.shape
        rows_of_tiles = images * self.vertical.tiles
        by_row = values.view(rows_of_tiles, self.vertical.points * columns, channels).transpose(0, 1)
        return [by_row[tile :: self.horizontal.tiles] for tile in range(self.horizontal.tiles)]

    def new_values(self, images: int, channels: int, *, like: Tensor) -> Tensor:
        return like.new_empty(images, len(self.vertical.inputs), len(self.horizontal.inputs), channels)

    def chunks(self, images: Tensor, weight: Tensor) -> Iterator[slice]:
        """Slices of the batch whose values at the points take about CHUNK_BYTES."""
        numbers = len(self.vertical.inputs) * len(self.horizontal.inputs) * (weight.shape[0] + weight.shape[1])
        size = max(1, CHUNK_BYTES // (numbers * images.element_size()))
        return (slice(start, start + size) for start in range(0, len(images), size))


def _tiling(images: Tensor) -> _Tiling:
    height, width = images.shape[2:]
    return _Tiling(_line(height, images.dtype), _line(width, images.dtype))


class _Convolution(Function):
    """Keeps images and filters for the way back, as torch's convolution does, but of the images no values at points."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor) -> Tensor:
        tiling = _tiling(images)
        filters = tiling.filters(weight)
        ctx.save_for_backward(images, weight, filters)
        planes = images.permute(0, 2, 3, 1)  # (N, H, W, C_in), contiguous if channels_last
        convolved = planes.new_empty(*planes.shape[:3], len(weight))
        for chunk in tiling.chunks(images, weight):
            values = tiling.inputs(planes[chunk])
            products = tiling.new_values(len(values), len(weight), like=values)
            for values_of, products_of in _pairs(tiling, values, products):
                torch.bmm(values_of, filters, out=products_of)
            tiling.outputs(products, into=convolved[chunk])
        return convolved.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None]:
        images, weight, filters = ctx.saved_tensors
        needs_images, needs_weight = ctx.needs_input_grad
        tiling = _tiling(images)
        planes, upper = images.permute(0, 2, 3, 1), gradient.permute(0, 2, 3, 1)
        images_gradient = planes.new_empty(planes.shape) if needs_images else None
        filters_gradient = torch.zeros_like(filters)
        for chunk in tiling.chunks(images, weight):
            products = tiling.output_gradient(upper[chunk])
            if needs_weight:
                for values_of, products_of in _pairs(tiling, tiling.inputs(planes[chunk]), products):
                    torch.baddbmm(filters_gradient, values_of.mT, products_of, out=filters_gradient)
            if images_gradient is not None:
                values = tiling.new_values(len(products), images.shape[1], like=images)
                for values_of, products_of in _pairs(tiling, values, products):
                    torch.bmm(products_of, filters.mT, out=values_of)
                tiling.input_gradient(values, into=images_gradient[chunk])
        return (
            None if images_gradient is None else images_gradient.permute(0, 3, 1, 2),
            tiling.filter_gradient(filters_gradient) if needs_weight else None,
        )


def _pairs(tiling: _Tiling, values: Tensor, products: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(tiling.columns_of_tiles(values), tiling.columns_of_tiles(products), strict=True)
