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
# about 0. Relative to float64 the results are off by up to 1.5e-6 in fp32, where torch's convolution is by up to 8e-7;
# in bf16, over all numbers (root of the summed squares), by 0.006, 0.011 and 0.014, where that is by 0.0024: among all
# multiples of 1/16 none has less than 0.006, 0.008 and 0.014. Five outputs at a time would be off by 0.029 at least
# (multiples of 1/8): 64 → 256 channels at 15×15 would take a fifth less, but what it costs in accuracy is open.
POINTS: Mapping[int, tuple[float, ...]] = {
    2: (0, 1, -1),
    3: (0.4, -0.4, 1.3, -1.3),
    4: (0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2), -math.sqrt(2)),
}

# The values at the points are two to three times as many as the images': so many bytes of them at a time stay in cache.
# On two cores of an AMD EPYC (Zen 4) 32 to 128 MiB were much alike, and 16 MiB took up to 10 % longer.
CHUNK_BYTES = 64 * 2**20


def convolution3x3(images: Tensor, weight: Tensor, *, window: int = 1) -> Tensor:
    """What `nn.functional.conv2d(images, weight, padding=1)` gives, up to rounding.

    Takes (N, C_in, H, W) and filters (C_out, C_in, 3, 3), gives (N, C_out, H, W), laid out as channels_last, in the
    images' precision, also under autocast; filters may be in a higher one, and their gradient is then summed up in it.
    With a `window`, the last rows and columns that fill no window of so many pixels are left out: a pooling drops them.
    Has a first derivative and no second. Faster for some shapes only: `training.fast_convolutions` knows which.
    """
    with torch.autocast("cpu", enabled=False):
        convolved: Tensor = _Convolution.apply(images, weight, window)
    return convolved


@dataclass(frozen=True)
class _Line:
    """The matrices for rows, or columns, of `length` pixels, in `tiles` tiles of `points` points each."""

    tiles: int
    points: int
    inputs: Tensor  # (tiles, points, length): pixels, zeros beyond them, to their values at the points
    filters: Tensor  # (points, 3): a filter to its values at the points
    outputs: Tensor  # (tiles, points, length), transposed: products at the points to pixels


@lru_cache
def _line(length: int, wanted: int) -> _Line:
    # The tile that needs the fewest points for the whole line, the smaller one if two do.
    outputs = min(POINTS, key=lambda m: (math.ceil(wanted / m) * (m + 2), m))
    tiles, points = math.ceil(wanted / outputs), outputs + 2
    at_points = torch.tensor(POINTS[outputs], dtype=torch.float64)
    differences = at_points[:, None] - at_points + torch.eye(len(at_points), dtype=torch.float64)
    scale = torch.cat([differences.prod(dim=1), torch.ones(1, dtype=torch.float64)])  # Lagrange's, keeps numbers near 1
    of_tile = torch.linalg.inv(_powers(at_points, points)).T * scale[:, None]  # (points, points)
    padded = torch.zeros(tiles, points, max(tiles * outputs, length) + 2, dtype=torch.float64)
    back = torch.zeros(tiles, points, tiles * outputs, dtype=torch.float64)
    for tile in range(tiles):
        start = tile * outputs
        padded[tile, :, start : start + points] = of_tile
        back[tile, :, start : start + outputs] = _powers(at_points, outputs)
    return _Line(
        tiles,
        points,
        inputs=padded[:, :, 1 : length + 1],  # without the zero before the first pixel, and those behind the last
        filters=_powers(at_points, 3) / scale[:, None],
        outputs=back[:, :, :wanted],
    )


def _powers(at_points: Tensor, count: int) -> Tensor:
    """The first `count` powers of each point, and of infinity, which sees the highest alone."""
    finite = at_points[:, None] ** torch.arange(count)
    infinite = torch.eye(count, dtype=at_points.dtype)[-1:]
    return torch.cat([finite, infinite])  # (points, count)


@dataclass(frozen=True)
class _Plane:
    """A matrix for the rows and one for the columns of planes; the planes come out in an order made for products.

    From top to bottom lies tile after tile with its points; from left to right point after point, with each tile's
    value there, of all images. So the tiles beside one another, of all images, are at each point a matrix of their own.
    """

    rows: Tensor  # (tiles · points, H)
    columns: Tensor  # (points · tiles, W)

    @classmethod
    def of(cls, vertical: Tensor, horizontal: Tensor, dtype: torch.dtype) -> "_Plane":
        """vertical, horizontal: (tiles, points, H or W)."""
        return cls(vertical.flatten(0, 1).to(dtype), horizontal.transpose(0, 1).flatten(0, 1).to(dtype))

    def spread(self, planes: Tensor) -> Tensor:
        """(N, H, W, C) to (rows, columns, N, C)."""
        images, height, width, channels = planes.shape
        lying = planes.permute(1, 2, 0, 3).reshape(height, -1)
        tall = (self.rows @ lying).view(len(self.rows), width, images * channels)
        wide = torch.bmm(self.columns.expand(len(tall), -1, -1), tall)
        return wide.view(len(self.rows), len(self.columns), images, channels)

    def gather(self, values: Tensor) -> Tensor:
        """The way back, by the transposed matrices: (rows, columns, N, C) to (N, H, W, C)."""
        images, channels = values.shape[2:]
        tall = torch.bmm(self.columns.T.expand(len(values), -1, -1), values.flatten(2))
        lying = self.rows.T @ tall.view(len(values), -1)
        return lying.view(len(lying), -1, images, channels).permute(2, 0, 1, 3)


@dataclass(frozen=True)
class _Tiling:
    """How images of one size and precision are cut, and the matrices that take them to their values at the points."""

    tiles: int  # below one another
    points: int  # of a tile
    inputs: _Plane
    outputs: _Plane
    filters: Tensor  # (points, 9)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what the convolution gives."""
        return self.outputs.rows.shape[1], self.outputs.columns.shape[1]

    def at_points(self, values: Tensor) -> Tensor:
        """A view of (rows, columns, N, C): (tiles below one another, points, tiles beside one another · N, C)."""
        return values.view(self.tiles, self.points, -1, values.shape[-1])

    def filter_values(self, weight: Tensor) -> Tensor:
        """(C_out, C_in, 3, 3) to a matrix (C_in, C_out) for each point."""
        taps = weight.permute(2, 3, 1, 0)  # (3, 3, C_in, C_out)
        values = self.filters.to(weight.dtype) @ taps.reshape(9, -1)
        return values.view(self.points, *taps.shape[2:])

    def filter_gradient(self, gradient: Tensor) -> Tensor:
        """The way back from `filter_values`, for its gradient."""
        taps = self.filters.to(gradient.dtype).T @ gradient.flatten(1)
        return taps.view(3, 3, *gradient.shape[1:]).permute(3, 2, 0, 1)

    def chunks(self, images: Tensor, filters: Tensor) -> Iterator[slice]:
        """Slices of the batch whose values at the points take about CHUNK_BYTES. filters: (points, C_in, C_out)."""
        numbers = len(self.inputs.rows) * len(self.inputs.columns) * (filters.shape[1] + filters.shape[2])
        size = max(1, CHUNK_BYTES // (numbers * images.element_size()))
        return (slice(start, start + size) for start in range(0, len(images), size))


@lru_cache
def _tiling(height: int, width: int, window: int, dtype: torch.dtype) -> _Tiling:
    vertical, horizontal = (_line(length, length // window * window) for length in (height, width))
    return _Tiling(
        vertical.tiles,
        vertical.points * horizontal.points,
        inputs=_Plane.of(vertical.inputs, horizontal.inputs, dtype),
        outputs=_Plane.of(vertical.outputs, horizontal.outputs, dtype),
        filters=torch.kron(vertical.filters, horizontal.filters),
    )


class _Convolution(Function):
    """Keeps the images' values at the points for the way back, in the images' place: more numbers, computed once."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, window: int) -> Tensor:
        tiling = _tiling(*images.shape[2:], window, images.dtype)
        filters = tiling.filter_values(weight).to(images.dtype)  # (points, C_in, C_out)
        planes = images.permute(0, 2, 3, 1)  # (N, H, W, C_in), contiguous if channels_last
        convolved = planes.new_empty(len(planes), *tiling.size, len(weight))
        kept = []
        for chunk in tiling.chunks(images, filters):
            values = tiling.inputs.spread(planes[chunk])
            products = values.new_empty(*values.shape[:3], len(weight))
            for values_of, products_of in _pairs(tiling, values, products):
                torch.bmm(values_of, filters, out=products_of)
            convolved[chunk] = tiling.outputs.gather(products)
            if ctx.needs_input_grad[1]:
                kept.append(values)
        ctx.tiling, ctx.weight_dtype, ctx.images_shape = tiling, weight.dtype, planes.shape
        ctx.save_for_backward(filters, *kept)
        return convolved.permute(0, 3, 1, 2)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor | None, Tensor | None, None]:
        needs_images, needs_weight, _ = ctx.needs_input_grad
        filters, *kept = ctx.saved_tensors
        tiling: _Tiling = ctx.tiling
        upper = gradient.permute(0, 2, 3, 1)
        images_gradient = upper.new_empty(ctx.images_shape) if needs_images else None
        filters_gradient = torch.zeros_like(filters, dtype=ctx.weight_dtype)
        with torch.autocast("cpu", enabled=False):
            for chunk in tiling.chunks(upper, filters):
                products = tiling.outputs.spread(upper[chunk])
                if needs_weight:
                    for values_of, products_of in _pairs(tiling, kept.pop(0), products):
                        _add_product(filters_gradient, values_of.mT, products_of)
                if images_gradient is not None:
                    values = products.new_empty(*products.shape[:3], filters.shape[1])
                    for values_of, products_of in _pairs(tiling, values, products):
                        torch.bmm(products_of, filters.mT, out=values_of)
                    images_gradient[chunk] = tiling.inputs.gather(values)
            return (
                None if images_gradient is None else images_gradient.permute(0, 3, 1, 2),
                tiling.filter_gradient(filters_gradient) if needs_weight else None,
                None,
            )


def _pairs(tiling: _Tiling, values: Tensor, products: Tensor) -> Iterator[tuple[Tensor, Tensor]]:
    return zip(tiling.at_points(values), tiling.at_points(products), strict=True)


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """total += left @ right, without a pass of its own where all three have one precision."""
    if total.dtype == left.dtype:
        torch.baddbmm(total, left, right, out=total)
    else:
        total += torch.bmm(left, right)
