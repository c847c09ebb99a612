"""Scales values for pictures: into [0, 1], from [0, 1] into bytes. Every picture of values is scaled here."""

from dataclasses import dataclass

import torch
from torch import Tensor


@dataclass(frozen=True)
class ScaledMaps:
    """Feature maps in [0, 1].

    unit: float32 (B, C, H, W); low, high: float32 (C,), each channel's lowest and highest value; is_signed: 0.5 stands
    for the value 0, and 0 or 1 for the channel's largest value by size. Otherwise 0 stands for `low` and 1 for `high`.
    """

    unit: Tensor
    low: Tensor
    high: Tensor
    is_signed: bool


def scale_maps(features: Tensor, *, is_scale_shared: bool = False, may_be_signed: bool = False) -> ScaledMaps:
    """Returns features (B, C, H, W) in [0, 1], each channel on a scale of its own, or all channels on one.

    A scale spans all images of the batch, so that a channel can be compared from image to image. With `may_be_signed`,
    the scale is signed if any value is below 0. A constant channel and a value that is not finite are drawn as the
    lowest value.
    """
    values = features.detach().float().cpu()
    finite = values.isfinite()
    dims = (0, 1, 2, 3) if is_scale_shared else (0, 2, 3)
    low = values.where(finite, torch.inf).amin(dim=dims, keepdim=True)  # (1, C or 1, 1, 1)
    high = values.where(finite, -torch.inf).amax(dim=dims, keepdim=True)
    is_empty = low > high  # no value is finite
    low, high = low.where(~is_empty, 0.0), high.where(~is_empty, 0.0)
    values = values.where(finite, low)
    is_signed = may_be_signed and bool((low < 0).any())
    if is_signed:
        unit = 0.5 + 0.5 * fraction_of(values, torch.maximum(low.abs(), high.abs()))
    else:
        unit = fraction_of(values - low, high - low)
    channels = features.shape[1]
    return ScaledMaps(unit, low.flatten().expand(channels), high.flatten().expand(channels), is_signed)


def fraction_of(values: Tensor, largest: Tensor) -> Tensor:
    """Returns values / largest, and the values themselves where `largest` is 0."""
    return values / largest.where(largest > 0, 1.0)


def to_bytes(unit: Tensor) -> Tensor:
    """Returns values in [0, 1] as uint8 in [0, 255], rounded; values outside are clipped."""
    return (unit * 255).round().clamp(0, 255).to(torch.uint8)


def to_pictures(images: Tensor) -> Tensor:
    """Returns images (B, C, H, W), uint8 or float in [0, 1], as uint8 colour pictures (B, 3, H, W) on the CPU."""
    pixels = images.detach().cpu()
    if pixels.dtype != torch.uint8:
        pixels = to_bytes(pixels.float())
    return pixels.expand(-1, 3, -1, -1) if pixels.shape[1] == 1 else pixels
