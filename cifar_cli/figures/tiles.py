"""Turns a layer's values into grey pictures, uint8."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional as F

from cifar_cli.errors import UsageError
from cifar_cli.figures.scaling import fraction_of, scale_maps, to_bytes


@dataclass(frozen=True)
class GreyTiles:
    """Grey pictures of a batch of feature maps, each channel on a scale of its own.

    pixels: uint8 (B, C, H, W); low, high: float32 (C,), each channel's values for black and white.
    """

    pixels: Tensor
    low: Tensor
    high: Tensor


def channel_tiles(features: Tensor) -> GreyTiles:
    """Returns features (B, C, H, W) as grey tiles, each channel from its lowest value (black) to its highest (white).

    The range is taken over all images of the batch. A constant channel is black; so is a value that is not finite.
    """
    scaled = scale_maps(features)
    return GreyTiles(to_bytes(scaled.unit), scaled.low, scaled.high)


def vector_tiles(vectors: Tensor) -> GreyTiles:
    """Returns vectors (B, F) as grey strips (B, 1, rows, columns) on one common scale, to be read row by row.

    Places after the last value are black.
    """
    tiles = channel_tiles(vectors[:, None, None, :])  # (B, 1, 1, F)
    return GreyTiles(fold_strips(tiles.pixels, fill=0), tiles.low, tiles.high)


def fold_strips(strips: Tensor, *, fill: int) -> Tensor:
    """Returns strips uint8 (..., 1, F) as (..., rows, columns), row by row; positions after the last value hold `fill`.

    One row holds up to 32 values. More values stand in rows of a power of two, about 8:1.
    """
    count = strips.shape[-1]
    columns = count if count <= 32 else 2 ** math.ceil(math.log2(math.sqrt(8 * count)))
    rows = math.ceil(count / columns)
    return F.pad(strips, (0, rows * columns - count), value=fill).reshape(*strips.shape[:-2], rows, columns)


def tutorial_tiles(output: Tensor) -> Tensor:
    """Returns an output (B, C, H, W) as false-colour pictures (B·C/3, 3, H, W), the way many tutorials do.

    Each picture shows three neighbouring channels, which are unrelated, as red, green and blue; the C/3 pictures of one
    image follow one another. Raises UsageError unless C is divisible by 3.
    """
    if output.dim() != 4 or output.shape[1] % 3:
        raise UsageError(
            "the tutorial's reshape makes colour pictures of three channels each, so it needs feature maps with a "
            f"number of channels divisible by 3; this layer gives {tuple(output.shape)}. Leave --mode tutorial out for "
            "a tile per channel, or look at it with: cifar visualize-layer conv1 --config layers/conv1 --mode tutorial"
        )
    return output.reshape(-1, 3, *output.shape[2:])


def filter_tiles(weight: Tensor) -> Tensor:
    """Returns filters (O, I, kH, kW) as pictures uint8 (O, I, kH, kW): 0 is mid-grey, positive weights are brighter.

    Each filter has a scale of its own: its largest weight, by size, is black or white.
    """
    weight = weight.detach().float().cpu().nan_to_num()
    return to_bytes(0.5 + 0.5 * fraction_of(weight, weight.abs().amax(dim=(1, 2, 3), keepdim=True)))


def filter_tiles_over_time(weights: Tensor) -> Tensor:
    """Returns filters at E times, (E, O, I, kH, kW), as pictures uint8 of the same shape; 0 is mid-grey.

    Each filter has one scale over all times.
    """
    times, _, inputs = weights.shape[:3]
    tiles = filter_tiles(weights.transpose(0, 1).flatten(1, 2))  # (O, E·I, kH, kW)
    return tiles.reshape(len(tiles), times, inputs, *tiles.shape[2:]).transpose(0, 1)


def join_kernels(tiles: Tensor, *, per_row: int) -> Tensor:
    """Returns the kernels of each filter, uint8 (O, I, kH, kW), as one picture (O, 1, h, w).

    `per_row` kernels stand in a row, at most as many rows are shown, and white lines separate the kernels.
    """
    tiles = tiles[:, : per_row**2]
    count, kernels, height, width = tiles.shape
    rows = math.ceil(kernels / per_row)
    positions = torch.full((count, rows * per_row, height, width), 255, dtype=torch.uint8)
    positions[:, :kernels] = tiles
    lined = F.pad(positions, (0, 1, 0, 1), value=255)  # (O, rows·per_row, kH + 1, kW + 1)
    laid = lined.reshape(count, rows, per_row, height + 1, width + 1).transpose(2, 3)
    return laid.flatten(3, 4).flatten(1, 2)[:, None, :-1, :-1]  # (O, 1, rows·(kH + 1) − 1, per_row·(kW + 1) − 1)
