"""Colours values so that equal steps look equal: viridis for values without a sign, blue–white–red for signed values.

Every picture of signed values has its colours and its legend from here: sheets, the lessons' matrices, the HTML page.

TensorBoard's small pictures stay grey (tiles.py): a training writes many of them.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from matplotlib import colormaps
from torch import Tensor

from cifar_cli.figures.scaling import fraction_of, scale_maps, to_bytes
from cifar_cli.figures.style import INK, PAPER
from cifar_cli.figures.tiles import fold_strips

UNSIGNED_MAP, SIGNED_MAP = "viridis", "RdBu_r"
SIGNED_LEGEND = "blue: negative, white: 0, red: positive, full at the largest value by size"
SIGNED_ENDS = ("negative", "0", "positive")


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
            return SIGNED_LEGEND
        return "dark: the lowest value, bright: the highest"


def colour_tiles(features: Tensor, *, is_scale_shared: bool = False) -> ColourTiles:
    """Returns features (B, C, H, W) in colours, each channel on a scale of its own, or all channels on one.

    A scale spans all images of the batch. The colours are signed if any value is below 0. A value that is not finite is
    drawn as the lowest value.
    """
    scaled = scale_maps(features, is_scale_shared=is_scale_shared, may_be_signed=True)
    pixels = _colour(scaled.unit, SIGNED_MAP if scaled.is_signed else UNSIGNED_MAP)  # (B, C, 3, H, W)
    return ColourTiles(pixels, scaled.low, scaled.high, scaled.is_signed)


def colour_tiles_together(features: Sequence[Tensor]) -> list[ColourTiles]:
    """Returns several features (B, C, H, W), H and W their own, in colours: each channel on one scale for all of them.

    low and high are each one's own.
    """
    flat = [maps.detach().float().cpu().flatten(2)[:, :, None] for maps in features]  # (B, C, 1, H·W)
    scaled = scale_maps(torch.cat(flat, dim=3), may_be_signed=True)
    parts = scaled.unit.split([maps.shape[3] for maps in flat], dim=3)
    tiles = []
    for maps, own, unit in zip(features, flat, parts, strict=True):
        pixels = _colour(unit.reshape(maps.shape), SIGNED_MAP if scaled.is_signed else UNSIGNED_MAP)
        own_range = scale_maps(own)
        tiles.append(ColourTiles(pixels, own_range.low, own_range.high, scaled.is_signed))
    return tiles


def colour_strips(vectors: Tensor) -> ColourTiles:
    """Returns vectors (B, F) as strips, pixels (B, 1, 3, rows, columns), on one common scale, to be read row by row.

    Places after the last value are white.
    """
    tiles = colour_tiles(vectors[:, None, None, :])  # pixels: (B, 1, 3, 1, F)
    return ColourTiles(fold_strips(tiles.pixels, fill=255), tiles.low, tiles.high, tiles.is_signed)


@dataclass(frozen=True)
class CellColour:
    """The colour of a number's cell and of the text on it, as #rrggbb."""

    fill: str
    text: str


def cell_colours(numbers: Tensor) -> list[list[CellColour]]:
    """Returns the signed colours of a matrix (H, W), on which its numbers are written.

    The text is dark or white, whichever is easier to read. A value that is not finite is left white.
    """
    sizes = numbers.abs().where(numbers.isfinite(), 0.0)
    unit = 0.5 + 0.5 * fraction_of(numbers.where(numbers.isfinite(), 0.0), sizes.max())
    fills = _colour(unit[None, None].float(), SIGNED_MAP)[0, 0].permute(1, 2, 0).tolist()  # H rows of W colours
    return [[CellColour(_hex(fill), INK if _is_light(fill) else PAPER) for fill in row] for row in fills]


def signed_gradient(stops: int = 11) -> list[str]:
    """Returns the signed colours from the lowest to the highest, as #rrggbb."""
    return [
        _hex(fill) for fill in _colour(torch.linspace(0, 1, stops)[None, None, None], SIGNED_MAP)[0, 0, :, 0].T.tolist()
    ]


def _hex(colour: list[int]) -> str:
    red, green, blue = colour
    return f"#{red:02x}{green:02x}{blue:02x}"


def _is_light(colour: list[int]) -> bool:
    """Returns whether dark text on a colour has more contrast than white text.

    Relative luminance as WCAG 2 defines it; at 0.215 the contrasts with the ink and with white are equal.
    """
    linear = [(c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4) for c in (part / 255 for part in colour)]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2] > 0.215


def heat_colours(heat: Tensor) -> Tensor:
    """Returns heat (B, H, W), in [0, 1], as colours uint8 (B, 3, H, W), from dark to bright."""
    return _colour(heat[:, None], UNSIGNED_MAP)[:, 0]


def _colour(unit: Tensor, colour_map: str) -> Tensor:
    """Returns values in [0, 1] (B, C, H, W) as colours uint8 (B, C, 3, H, W)."""
    table = torch.from_numpy(colormaps[colour_map](range(256), bytes=True)[:, :3].copy())  # uint8 (256, 3)
    return table[to_bytes(unit).long()].movedim(-1, 2)
