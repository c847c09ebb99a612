"""Cuts TensorBoard's pictures (grids.py) into the tiles they were composed of. Knows nothing of where they lie."""

from collections.abc import Sequence

import torch
from torch import Tensor

from cifar_cli.analysis.capture import as_maps
from cifar_cli.figures.grids import feature_mosaic, filter_mosaic
from cifar_cli.figures.mosaic import Mosaic, lay_out
from cifar_cli.figures.tiles import vector_tiles


def cut_feature_grid(picture: Tensor, *, features: Tensor, images: Tensor) -> Tensor | None:
    """Returns the tiles of a picture that `feature_grid` made, uint8 (B, shown, h, w), greys as they were.

    features, images: any of the same shapes as then. A vector is one tile. None where the picture has another size.
    """
    tiles = _cut(picture, feature_mosaic(features, images=images), skipped=1)
    if tiles is None:
        return None
    maps = as_maps(features)
    rows, columns = (vector_tiles(features.flatten(1)).pixels if maps is None else maps).shape[-2:]
    greys = _shrink(tiles, rows, columns)[:, 0]  # (B · shown, h, w)
    return greys.reshape(len(features), -1, rows, columns)


def cut_filter_grid(picture: Tensor, *, weight: Tensor) -> Tensor | None:
    """Returns the tiles of a picture that `filter_grid` made, uint8 (shown, 3, h, w).

    weight: (O, 1 or 3, h, w), any of the same shape as then. None where the picture has another size.
    """
    tiles = _cut(picture, filter_mosaic(weight), skipped=0)
    return None if tiles is None else _shrink(tiles, *weight.shape[-2:])


def _cut(picture: Tensor, mosaic: Mosaic, *, skipped: int) -> list[Tensor] | None:
    layout = lay_out(mosaic)
    if picture.shape != (3, layout.height, layout.width):
        return None
    return [
        picture[:, top : top + tile.height, left : left + tile.width]
        for row, corners in zip(mosaic.rows, layout.corners, strict=True)
        for tile, (left, top) in list(zip(row, corners, strict=True))[skipped:]
    ]


def _shrink(tiles: Sequence[Tensor], rows: int, columns: int) -> Tensor:
    """Undoes the enlarging: every pixel had become a square of equal ones."""
    stacked = torch.stack(list(tiles))
    return stacked[..., :: stacked.shape[-2] // rows, :: stacked.shape[-1] // columns]
