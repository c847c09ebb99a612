"""Colours values so that equal steps look equal: viridis for what has no sign, blue over white to red for what has one.

Knows nothing of layout. TensorBoard's small pictures stay grey (tiles.py): a training writes them many times.
"""

import math
from dataclasses import dataclass

import torch
from matplotlib import colormaps
from torch import Tensor
from torch.nn import functional as F

from cifar_cli.figures.tiles import strip_columns

UNSIGNED_MAP, SIGNED_MAP = "viridis", "RdBu_r"


@dataclass(frozen=True)
class ColourTiles:
    """Coloured pictures of a batch of feature maps.

    pixels: uint8 (B, C, 3, H, W); low, high: float32 (C,), each channel's lowest and highest value; is_signed: zero is
    white, and the colours end at the largest value by size, blue for negative ones, red for positive ones. Otherwise
    they run from the lowest value, dark, to the highest, bright.
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
    """Returns features (B, C, H, W) in colours, each channel on a scale of its own, or all on one.

    The scale is that of all images of the batch. They are signed where any value is below 0. What is not finite is
    drawn as the lowest value.
    """
    values = features.detach().float().cpu()
    finite = values.isfinite()
    axes = (0, 1, 2, 3) if is_scale_shared else (0, 2, 3)
    low = values.where(finite, torch.inf).amin(dim=axes, keepdim=True)
    high = values.where(finite, -torch.inf).amax(dim=axes, keepdim=True)
    hopeless = low > high  # not one finite value
    low, high = low.where(~hopeless, 0.0), high.where(~hopeless, 0.0)
    values = values.where(finite, low)
    is_signed = bool((low < 0).any())
    if is_signed:
        reach = torch.maximum(low.abs(), high.abs())
        unit = 0.5 + 0.5 * values / reach.where(reach > 0, 1.0)
    else:
        span = high - low
        unit = (values - low) / span.where(span > 0, 1.0)
    pixels = _coloured(unit, SIGNED_MAP if is_signed else UNSIGNED_MAP)  # (B, C, 3, H, W)
    channels = features.shape[1]
    return ColourTiles(pixels, low.flatten().expand(channels), high.flatten().expand(channels), is_signed)


def colour_strips(vectors: Tensor, *, columns: int | None = None) -> ColourTiles:
    """Returns vectors (B, F) as strips, pixels (B, 1, 3, rows, columns), on one common scale, to be read row by row.

    Places after the last value are white.
    """
    count = vectors.shape[1]
    columns = columns or strip_columns(count)
    rows = math.ceil(count / columns)
    tiles = colour_tiles(vectors[:, None, None, :])  # (B, 1, 3, 1, F)
    padded = F.pad(tiles.pixels, (0, rows * columns - count), value=255)
    strips = padded.reshape(len(vectors), 1, 3, rows, columns)
    return ColourTiles(strips, tiles.low, tiles.high, tiles.is_signed)


def _coloured(unit: Tensor, name: str) -> Tensor:
    """Returns values in [0, 1] (B, C, H, W) as colours uint8 (B, C, 3, H, W)."""
    table = torch.from_numpy(colormaps[name](range(256), bytes=True)[:, :3].copy())  # uint8 (256, 3)
    shades = (unit * 255).round().clamp(0, 255).long()
    return table[shades].movedim(-1, 2)


def heat_colours(heat: Tensor) -> Tensor:
    """Returns heat (B, H, W), in [0, 1], as colours uint8 (B, 3, H, W), from dark to bright."""
    return _coloured(heat[:, None], UNSIGNED_MAP)[:, 0]
