"""Cuts images into tiles for Winograd's convolutions, and makes the matrices that transform them.

A tile of m outputs in a line is given by its values at m + 2 points. A line is cut into as few tiles as possible, of
one or two sizes; a plane is cut into blocks, one for each vertical and horizontal tile size.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from itertools import accumulate, product

import torch
from torch import Tensor

# The m + 1 finite points of a tile, by its m outputs: those with the smallest rounding errors among points about 0, and
# no tile larger than 4, whose errors are too large. Measured: docs/experiments/fast_convolutions.md.
POINTS: Mapping[int, tuple[float, ...]] = {
    2: (0, 1, -1),
    3: (0.4, -0.4, 1.3, -1.3),
    4: (0, math.sqrt(0.5), -math.sqrt(0.5), math.sqrt(2), -math.sqrt(2)),
}


@dataclass(frozen=True)
class TileLine:
    """The matrices for neighbouring tiles of one size, in rows (or columns) of `length` pixels."""

    tiles: int
    points: int  # per tile
    inputs: Tensor  # (tiles, points, length): from pixels, zero-padded, to values at the points
    filters: Tensor  # (points, 3): from a filter to values at the points
    outputs: Tensor  # (tiles, points, wanted), transposed: from products at the points to pixels

    @classmethod
    def of(cls, length: int, wanted: int, *, outputs: int, starts: Sequence[int]) -> "TileLine":
        """Returns the matrices for a line's first `wanted` output pixels: `outputs` pixels from each of `starts` on."""
        tiles, points = len(starts), outputs + 2
        at_points = torch.tensor(POINTS[outputs], dtype=torch.float64)
        differences = at_points[:, None] - at_points + torch.eye(len(at_points), dtype=torch.float64)
        scale = torch.cat([differences.prod(dim=1), torch.ones(1, dtype=torch.float64)])  # Lagrange's: numbers near 1
        tile_matrix = torch.linalg.inv(_powers(at_points, points)).T * scale[:, None]  # (points, points)
        padded = torch.zeros(tiles, points, max(starts[-1] + outputs, length) + 2, dtype=torch.float64)
        back = torch.zeros(tiles, points, max(starts[-1] + outputs, wanted), dtype=torch.float64)
        for tile, start in enumerate(starts):
            padded[tile, :, start : start + points] = tile_matrix
            back[tile, :, start : start + outputs] = _powers(at_points, outputs)
        return cls(
            tiles,
            points,
            inputs=padded[:, :, 1 : length + 1],  # without the zero before the first pixel, and those behind the last
            filters=_powers(at_points, 3) / scale[:, None],
            outputs=back[:, :, :wanted],
        )


def _lines(length: int, wanted: int) -> list[TileLine]:
    """Returns the fewest tiles that cover `wanted` pixels, as equal as possible: that takes the fewest points."""
    tiles = math.ceil(wanted / max(POINTS))
    size, larger = divmod(wanted, tiles)
    starts = list(accumulate([size + 1] * larger + [size] * (tiles - larger), initial=0))[:-1]
    by_outputs = [(size + 1, starts[:larger]), (max(size, min(POINTS)), starts[larger:])]
    return [TileLine.of(length, wanted, outputs=outputs, starts=chosen) for outputs, chosen in by_outputs if chosen]


def _powers(at_points: Tensor, count: int) -> Tensor:
    """Returns the first `count` powers of each point and of infinity, where only the highest power counts."""
    finite = at_points[:, None] ** torch.arange(count)
    infinite = torch.eye(count, dtype=at_points.dtype)[-1:]
    return torch.cat([finite, infinite])  # (points, count)


@dataclass(frozen=True)
class Plane:
    """Matrices that transform the rows and the columns of planes.

    Layout of the result, for each horizontal tile size: (tile · point_y, point_x · tile, N, C). So the tiles of one
    size form one matrix product per point, over all images.
    """

    rows: Tensor  # (points of all tiles, H)
    columns: Sequence[Tensor]  # for each horizontal tile size (points · tiles, W)

    @classmethod
    def of(cls, vertical: Sequence[Tensor], horizontal: Sequence[Tensor], dtype: torch.dtype) -> "Plane":
        """Returns the matrices of a plane. vertical, horizontal: for each tile size (tiles, points, H or W)."""
        return cls(
            torch.cat([matrices.flatten(0, 1) for matrices in vertical]).to(dtype),
            [matrices.transpose(0, 1).flatten(0, 1).to(dtype) for matrices in horizontal],
        )

    def spread(self, planes: Tensor) -> list[Tensor]:
        """Transforms (N, H, W, C) to (rows, columns, N, C), one tensor for each horizontal tile size."""
        images, height, width, channels = planes.shape
        by_row = planes.permute(1, 2, 0, 3).reshape(height, -1)
        tall = (self.rows @ by_row).view(len(self.rows), width, images * channels)
        return [
            torch.bmm(columns.expand(len(tall), -1, -1), tall).view(len(tall), -1, images, channels)
            for columns in self.columns
        ]

    def gather(self, values: Sequence[Tensor]) -> Tensor:
        """Transforms (rows, columns, N, C), one tensor for each size, to (N, H, W, C), by the transposed matrices."""
        rows, _, images, channels = values[0].shape
        back = [columns.T.expand(rows, -1, -1) for columns in self.columns]
        tall = torch.bmm(back[0], values[0].flatten(2))
        for columns, of_size in zip(back[1:], values[1:], strict=True):
            torch.baddbmm(tall, columns, of_size.flatten(2), out=tall)
        by_row = self.rows.T @ tall.view(rows, -1)
        return by_row.view(len(by_row), -1, images, channels).permute(2, 0, 1, 3)


@dataclass(frozen=True)
class TileBlock:
    """The tiles of one size: their positions among the values, and their points among the filters' points."""

    rows: slice
    columns: int  # index of the horizontal tile size
    tiles: int  # counted vertically
    points: slice

    def tiles_of(self, values: Sequence[Tensor]) -> Tensor:
        """Returns a view (vertical tiles, points, horizontal tiles · N, C)."""
        of_block = values[self.columns][self.rows]
        return of_block.view(self.tiles, self.points.stop - self.points.start, -1, of_block.shape[-1])


@dataclass(frozen=True)
class Tiling:
    """The tiles for images of one size and precision, and the matrices that transform images and filters."""

    blocks: Sequence[TileBlock]
    inputs: Plane
    outputs: Plane
    filters: Tensor  # (points of all blocks, 9)

    @property
    def size(self) -> tuple[int, int]:
        """Height and width of the convolution's output."""
        return self.outputs.rows.shape[1], self.outputs.columns[0].shape[1]

    @property
    def points_per_image(self) -> int:
        """The number of values at the points for one channel of an image."""
        return len(self.inputs.rows) * sum(len(columns) for columns in self.inputs.columns)

    def filter_values(self, weight: Tensor) -> Tensor:
        """Returns, for filters (C_out, C_in, 3, 3), a matrix (C_in, C_out) for each point: (points, C_in, C_out)."""
        taps = weight.permute(2, 3, 1, 0)  # (3, 3, C_in, C_out)
        values = self.filters.to(weight.dtype) @ taps.reshape(9, -1)
        return values.view(len(self.filters), *taps.shape[2:])

    def filter_gradient(self, gradient: Tensor) -> Tensor:
        """Returns the filters' gradient, given the gradient of `filter_values`."""
        taps = self.filters.to(gradient.dtype).T @ gradient.flatten(1)
        return taps.view(3, 3, *gradient.shape[1:]).permute(3, 2, 0, 1)

    def products(
        self, values: Sequence[Tensor], products: Sequence[Tensor], filters: Tensor
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """Yields views for one batched product each: (points, tiles · N, C_in), (…, C_out), (points, C_in, C_out)."""
        for block in self.blocks:
            for tile_values, tile_products in zip(block.tiles_of(values), block.tiles_of(products), strict=True):
                yield tile_values, tile_products, filters[block.points]


@lru_cache
def tiling_of(height: int, width: int, window: int, dtype: torch.dtype) -> Tiling:
    """Returns the tiling of images of that size, without the last rows and columns that fill no window."""
    vertical, horizontal = (_lines(length, length // window * window) for length in (height, width))
    blocks, row, point = [], 0, 0
    for down in vertical:
        rows = slice(row, row + down.tiles * down.points)
        for column, across in enumerate(horizontal):
            points = slice(point, point + down.points * across.points)
            blocks.append(TileBlock(rows, column, down.tiles, points))
            point = points.stop
        row = rows.stop
    return Tiling(
        blocks,
        inputs=Plane.of([line.inputs for line in vertical], [line.inputs for line in horizontal], dtype),
        outputs=Plane.of([line.outputs for line in vertical], [line.outputs for line in horizontal], dtype),
        filters=torch.cat([torch.kron(down.filters, across.filters) for down, across in product(vertical, horizontal)]),
    )
