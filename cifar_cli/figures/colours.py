"""Colours values so that equal steps look equal: viridis for values without a sign, blue–white–red for signed values.

TensorBoard's small pictures stay grey (tiles.py): a training writes many of them.
"""

from dataclasses import dataclass

import torch
from matplotlib import colormaps
from torch import Tensor

from cifar_cli.figures.scaling import scale_maps, to_bytes
from cifar_cli.figures.tiles import fold_strips

UNSIGNED_MAP, SIGNED_MAP = "viridis", "RdBu_r"


@dataclass(frozen=True)
class ColourTiles:
    """Coloured pictures of a batch of feature maps.

    pixels: uint8 (B, C, 3, H, W); low, high: float32 (C,), each channel's lowest and highest value; is_signed: zero is
    white, and the colours end at the largest value by size, blue for negative values, red for positive ones. Otherwise
    the colours run from the lowest value, dark, to the highest, bright.
    """

    pixels: Tensor
    low: Tensor
    high: Tensor
    is_signed: bool

    @property
    def colour_map(self) -> str:
        return SIGNED_MAP if self.is_signed else UNSIGNED_MAP

    @property
    def legend(self) -> str:
        """What the colours mean."""
        if self.is_signed:
            return "blue: negative, white: 0, red: positive, full at the largest value by size"
        return "dark: the lowest value, bright: the highest"


def colour_tiles(features: Tensor, *, is_scale_shared: bool = False) -> ColourTiles:
    """Returns features (B, C, H, W) in colours, each channel on a scale of its own, or all channels on one.

    A scale spans all images of the batch. The colours are signed if any value is below 0. A value that is not finite is
    drawn as the lowest value.
    """
    scaled = scale_maps(features, is_scale_shared=is_scale_shared, may_be_signed=True)
    pixels = _colour(scaled.unit, SIGNED_MAP if scaled.is_signed else UNSIGNED_MAP)  # (B, C, 3, H, W)
    return ColourTiles(pixels, scaled.low, scaled.high, scaled.is_signed)


def colour_strips(vectors: Tensor) -> ColourTiles:
    """Returns vectors (B, F) as strips, pixels (B, 1, 3, rows, columns), on one common scale, to be read row by row.

    Places after the last value are white.
    """
    tiles = colour_tiles(vectors[:, None, None, :])  # pixels: (B, 1, 3, 1, F)
    return ColourTiles(fold_strips(tiles.pixels, fill=255), tiles.low, tiles.high, tiles.is_signed)


def heat_colours(heat: Tensor) -> Tensor:
    """Returns heat (B, H, W), in [0, 1], as colours uint8 (B, 3, H, W), from dark to bright."""
    return _colour(heat[:, None], UNSIGNED_MAP)[:, 0]


def _colour(unit: Tensor, colour_map: str) -> Tensor:
    """Returns values in [0, 1] (B, C, H, W) as colours uint8 (B, C, 3, H, W)."""
    table = torch.from_numpy(colormaps[colour_map](range(256), bytes=True)[:, :3].copy())  # uint8 (256, 3)
    return table[to_bytes(unit).long()].movedim(-1, 2)
