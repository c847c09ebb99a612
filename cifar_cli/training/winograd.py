"""3×3 convolutions with a third of the multiplications: Winograd's minimal filtering, forward and both gradients.

Of m neighbouring numbers that a filter of three gives, each takes 3 products. Seen as a product of polynomials, known
by its values at m + 2 points, all m of them take one product a point. On a plane that is (m + 2)² products a tile
instead of 9·m², and the products of one point, over all tiles and channels, are a plain matrix product. The way to the
values at the points and back is linear too, so the gradients go the same way back, by the transposed matrices.

Plain torch, and knows nothing of models or configurations. Source: Lavin and Gray, arXiv:1509.09308.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, product
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
    """The matrices for tiles of one size beside one another, in rows, or columns, of `length` pixels."""

    tiles: int
    points: int  # of a tile
    inputs: Tensor  # (tiles, points, length): pixels, zeros beyond them, to their values at the points
    filters: Tensor  # (points, 3): a filter to its values at the points
    outputs: Tensor  # (tiles, points, wanted), transposed: products at the points to pixels

    @classmethod
    def of(cls, length: int, wanted: int, *, outputs: int, starts: Sequence[int]) -> "_Line":
        """Of the first `wanted` pixels that a line gives, `outputs` from each of `starts` on."""
        tiles, points = len(starts), outputs + 2
        at_points = torch.tensor(POINTS[outputs], dtype=torch.float64)
        differences = at_points[:, None] - at_points + torch.eye(len(at_points), dtype=torch.float64)
        scale = torch.cat([differences.prod(dim=1), torch.ones(1, dtype=torch.float64)])  # Lagrange's: numbers near 1
        of_tile = torch.linalg.inv(_powers(at_points, points)).T * scale[:, None]  # (points, points)
        padded = torch.zeros(tiles, points, max(starts[-1] + outputs, length) + 2, dtype=torch.float64)
        back = torch.zeros(tiles, points, max(starts[-1] + outputs, wanted), dtype=torch.float64)
        for tile, start in enumerate(starts):
            padded[tile, :, start : start + points] = of_tile
            back[tile, :, start : start + outputs] = _powers(at_points, outputs)
        return cls(
            tiles,
            points,
            inputs=padded[:, :, 1 : length + 1],  # without the zero before the first pixel, and those behind the last
            filters=_powers(at_points, 3) / scale[:, None],
            outputs=back[:, :, :wanted],
        )


def _lines(length: int, wanted: int) -> list[_Line]:
    """As few tiles as give the `wanted` pixels, as equal as can be: they take the fewest points in all."""
    tiles = math.ceil(wanted / max(POINTS))
    size, larger = divmod(wanted, tiles)
    starts = list(accumulate([size + 1] * larger + [size] * (tiles - larger), initial=0))[:-1]
    cut = [(size + 1, starts[:larger]), (max(size, min(POINTS)), starts[larger:])]
    return [_Line.of(length, wanted, outputs=outputs, starts=begun) for outputs, begun in cut if begun]


def _powers(at_points: Tensor, count: int) -> Tensor:
    """The first `count` powers of each point, and of infinity, which sees the highest alone."""
    finite = at_points[:, None] ** torch.arange(count)
    infinite = torch.eye(count, dtype=at_points.dtype)[-1:]
    return torch.cat([finite, infinite])  # (points, count)


@dataclass(frozen=True)
class _Plane:
    """Matrices for the rows and the columns of planes; the planes come out in an order made for products.

    From top to bottom lies tile after tile with its points; from left to right, for each size of tile apart, point
    after point, with each tile's value there, of all images. So the tiles of one size beside one another, of all
    images, are at each point a matrix of their own.
    """

    rows: Tensor  # (points of all tiles, H)
    columns: Sequence[Tensor]  # for each size of tile (points · tiles, W)

    @classmethod
    def of(cls, vertical: Sequence[Tensor], horizontal: Sequence[Tensor], dtype: torch.dtype) -> "_Plane":
        """vertical, horizontal: for each size of tile (tiles, points, H or W)."""
        return cls(
            torch.cat([of_size.flatten(0, 1) for of_size in vertical]).to(dtype),
            [of_size.transpose(0, 1).flatten(0, 1).to(dtype) for of_size in horizontal],
        )

    def spread(self, planes: Tensor) -> list[Tensor]:
        """(N, H, W, C) to (rows, columns, N, C) for each size of tile from left to right."""
        images, height, width, channels = planes.shape
        lying = planes.permute(1, 2, 0, 3).reshape(height, -1)
        tall = (self.rows @ lying).view(len(self.rows), width, images * channels)
        return [
            torch.bmm(columns.expand(len(tall), -1, -1), tall).view(len(tall), -1, images, channels)
            for columns in self.columns
        ]

    def gather(self, values: Sequence[Tensor]) -> Tensor:
        """The way back, by the transposed matrices: (rows, columns, N, C) for each size to (N, H, W, C)."""
        rows, _, images, channels = values[0].shape
        back = [columns.T.expand(rows, -1, -1) for columns in self.columns]
        tall = torch.bmm(back[0], values[0].flatten(2))
        for of_size, more in zip(back[1:], values[1:], strict=True):
            torch.baddbmm(tall, of_size, more.flatten(2), out=tall)
        lying = self.rows.T @ tall.view(rows, -1)
        return lying.view(len(lying), -1, images, channels).permute(2, 0, 1, 3)


@dataclass(frozen=True)
class _Block:
    """The tiles of one size: where they lie among the values at the points, and their points among the filters'."""

    rows: slice
    columns: int  # which of the sizes from left to right
    tiles: int  # below one another
    points: slice

    def tiles_of(self, values: Sequence[Tensor]) -> Tensor:
        """A view: (tiles below one another, points, tiles beside one another · N, C)."""
        own = values[self.columns][self.rows]
        return own.view(self.tiles, self.points.stop - self.points.start, -1, own.shape[-1])


@dataclass(frozen=True)
class _Tiling:
    """How images of one size and precision are cut, and the matrices that take them to their values at the points."""

    blocks: Sequence[_Block]
    inputs: _Plane
    outputs: _Plane
    filters: Tensor  # (points of all blocks, 9)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of what the convolution gives."""
        return self.outputs.rows.shape[1], self.outputs.columns[0].shape[1]

    def filter_values(self, weight: Tensor) -> Tensor:
        """(C_out, C_in, 3, 3) to a matrix (C_in, C_out) for each point."""
        taps = weight.permute(2, 3, 1, 0)  # (3, 3, C_in, C_out)
        values = self.filters.to(weight.dtype) @ taps.reshape(9, -1)
        return values.view(len(self.filters), *taps.shape[2:])

    def filter_gradient(self, gradient: Tensor) -> Tensor:
        """The way back from `filter_values`, for its gradient."""
        taps = self.filters.to(gradient.dtype).T @ gradient.flatten(1)
        return taps.view(3, 3, *gradient.shape[1:]).permute(3, 2, 0, 1)

    def chunks(self, images: Tensor, filters: Tensor) -> Iterator[slice]:
        """Slices of the batch whose values at the points take about CHUNK_BYTES. filters: (points, C_in, C_out)."""
        columns = sum(len(of_size) for of_size in self.inputs.columns)
        numbers = len(self.inputs.rows) * columns * (filters.shape[1] + filters.shape[2])
        size = max(1, CHUNK_BYTES // (numbers * images.element_size()))
        return (slice(start, start + size) for start in range(0, len(images), size))

    def products(
        self, values: Sequence[Tensor], products: Sequence[Tensor], filters: Tensor
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Views that belong together: (points, tiles · N, C_in), (…, C_out), (points, C_in, C_out)."""
        for block in self.blocks:
            for values_of, products_of in zip(block.tiles_of(values), block.tiles_of(products), strict=True):
                yield values_of, products_of, filters[block.points]


@lru_cache
def _tiling(height: int, width: int, window: int, dtype: torch.dtype) -> _Tiling:
    vertical, horizontal = (_lines(length, length // window * window) for length in (height, width))
    blocks, row, point = [], 0, 0
    for down in vertical:
        rows = slice(row, row + down.tiles * down.points)
        for column, across in enumerate(horizontal):
            points = slice(point, point + down.points * across.points)
            blocks.append(_Block(rows, column, down.tiles, points))
            point = points.stop
        row = rows.stop
    return _Tiling(
        blocks,
        inputs=_Plane.of([line.inputs for line in vertical], [line.inputs for line in horizontal], dtype),
        outputs=_Plane.of([line.outputs for line in vertical], [line.outputs for line in horizontal], dtype),
        filters=torch.cat([torch.kron(down.filters, across.filters) for down, across in product(vertical, horizontal)]),
    )


class _Convolution(Function):
    """Keeps the images' values at the points for the way back, in the images' place: more numbers, computed once."""

    @staticmethod
    def forward(ctx: Any, images: Tensor, weight: Tensor, window: int) -> Tensor:
        tiling = _tiling(*images.shape[2:], window, images.dtype)
        filters = tiling.filter_values(weight).to(images.dtype)  # (points, C_in, C_out)
        planes = images.permute(0, 2, 3, 1)  # (N, H, W, C_in), contiguous if channels_last
        convolved = planes.new_empty(len(planes), *tiling.size, len(weight))
        kept: list[Tensor] = []
        for chunk in tiling.chunks(images, filters):
            values = tiling.inputs.spread(planes[chunk])
            products = _empty_like(values, channels=len(weight))
            for values_of, products_of, filters_of in tiling.products(values, products, filters):
                torch.bmm(values_of, filters_of, out=products_of)
            convolved[chunk] = tiling.outputs.gather(products)
            if ctx.needs_input_grad[1]:
                kept.extend(values)
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
                    values = [kept.pop(0) for _ in products]
                    for values_of, products_of, gradient_of in tiling.products(values, products, filters_gradient):
                        _add_product(gradient_of, values_of.mT, products_of)
                if images_gradient is not None:
                    values = _empty_like(products, channels=filters.shape[1])
                    for values_of, products_of, filters_of in tiling.products(values, products, filters):
                        torch.bmm(products_of, filters_of.mT, out=values_of)
                    images_gradient[chunk] = tiling.inputs.gather(values)
            return (
                None if images_gradient is None else images_gradient.permute(0, 3, 1, 2),
                tiling.filter_gradient(filters_gradient) if needs_weight else None,
                None,
            )


def _empty_like(values: Sequence[Tensor], *, channels: int) -> list[Tensor]:
    return [of_size.new_empty(*of_size.shape[:3], channels) for of_size in values]


def _add_product(total: Tensor, left: Tensor, right: Tensor) -> None:
    """total += left @ right, without a pass of its own where all three have one precision."""
    if total.dtype == left.dtype:
        torch.baddbmm(total, left, right, out=total)
    else:
        total += torch.bmm(left, right)
