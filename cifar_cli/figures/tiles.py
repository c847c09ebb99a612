"""Turns a layer's values into picture arrays. Knows nothing of files, labels or layout."""

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from cifar_cli.errors import UsageError


@dataclass(frozen=True)
class Tiles:
    """Grey pictures of a batch of feature maps, each channel on a scale of its own.

    pixels: uint8 (B, C, H, W); low, high: float32 (C,), the values that black and white stand for in each channel.
    """

    pixels: Tensor
    low: Tensor
    high: Tensor


def channel_tiles(features: Tensor) -> Tiles:
    """Returns features (B, C, H, W) as grey tiles, each channel from its lowest value (black) to its highest (white).

    The range is taken over all images of the batch: a channel can be compared from image to image, and a channel of
    small values still shows its structure. A constant channel is black; so is a value that is not finite.
    """
    values = features.detach().float().cpu()
    finite = values.isfinite()
    low = values.where(finite, torch.inf).amin(dim=(0, 2, 3))  # (C,)
    high = values.where(finite, -torch.inf).amax(dim=(0, 2, 3))  # (C,)
    hopeless = low > high  # not one finite value in the channel
    low, high = low.where(~hopeless, 0.0), high.where(~hopeless, 0.0)
    bottom = low.view(1, -1, 1, 1)
    span = (high - low).view(1, -1, 1, 1)
    unit = (values.where(finite, bottom) - bottom) / span.where(span > 0, 1.0)
    return Tiles(to_bytes(unit), low, high)


def vector_tiles(vectors: Tensor) -> Tiles:
    """Returns vectors (B, F) as grey strips (B, 1, rows, columns) on one common scale, to be read row by row.

    Places after the last value stay black.
    """
    count = vectors.shape[1]
    columns = strip_columns(count)
    rows = math.ceil(count / columns)
    tiles = channel_tiles(vectors[:, None, None, :])  # (B, 1, 1, F)
    padded = torch.nn.functional.pad(tiles.pixels, (0, rows * columns - count))
    return Tiles(padded.reshape(len(vectors), 1, rows, columns), tiles.low, tiles.high)


def strip_columns(count: int) -> int:
    """Returns how many of `count` values stand in one row of a strip: all up to 32, then a power of two, about 8:1."""
    return count if count <= 32 else 2 ** math.ceil(math.log2(math.sqrt(8 * count)))


def tutorial_tiles(output: Tensor) -> Tensor:
    """Returns an output (B, C, H, W) as false-colour pictures (B·C/3, 3, H, W), the way many tutorials do.

    Each picture shows three neighbouring channels as red, green and blue, though they have nothing to do with each
    other; the C/3 pictures of one image follow one another. Raises UsageError unless C is divisible by 3.
    """
    if output.dim() != 4 or output.shape[1] % 3:
        raise UsageError(
            "the tutorial's reshape makes colour pictures of three channels each, so it needs feature maps with a "
            f"number of channels divisible by 3; this layer gives {tuple(output.shape)}. "
            "The usual mode draws a tile per channel, for any number of them"
        )
    return output.reshape(-1, 3, *output.shape[2:])


def filter_tiles(weight: Tensor) -> Tensor:
    """Returns filters (O, I, kH, kW) as pictures uint8 (O, I, kH, kW): 0 is mid-grey, positive weights are brighter.

    Each filter has a scale of its own: its largest weight, by size, is black or white.
    """
    weight = weight.detach().float().cpu().nan_to_num()
    largest = weight.abs().amax(dim=(1, 2, 3), keepdim=True)
    return to_bytes(0.5 + 0.5 * weight / largest.where(largest > 0, 1.0))


def to_pictures(images: Tensor) -> Tensor:
    """Returns images (B, C, H, W), uint8 or float in [0, 1], as uint8 colour pictures (B, 3, H, W) on the CPU."""
    pixels = images.detach().cpu()
    if pixels.dtype != torch.uint8:
        pixels = to_bytes(pixels.float())
    return pixels.expand(-1, 3, -1, -1) if pixels.shape[1] == 1 else pixels


def to_bytes(unit: Tensor) -> Tensor:
    """Returns values in [0, 1] as uint8 in [0, 255], rounded; what lies outside is clipped."""
    return (unit * 255).round().clamp(0, 255).to(torch.uint8)
