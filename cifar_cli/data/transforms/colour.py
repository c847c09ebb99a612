"""Colours of uint8 images, each image changed by its own factor: torchvision's operations on batches.

A factor, float (B,), of 1 returns the image, but for `hue`, where it is 0. Images are uint8 (B, C, H, W). Of images
with one channel, `saturation`, `hue` and `grayscale` return the image.
"""

import torch
from torch import Tensor

LUMA = (0.2989, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as rounded by torchvision


def brightness(images: Tensor, factor: Tensor) -> Tensor:
    """Returns the images blended with black."""
    return _blend(images, torch.zeros((), device=images.device), factor)


def contrast(images: Tensor, factor: Tensor) -> Tensor:
    """Returns the images blended with the mean of their grey values."""
    return _blend(images, _grey(images).floor().mean((1, 2, 3), keepdim=True), factor)


def saturation(images: Tensor, factor: Tensor) -> Tensor:
    """Returns the images blended with their grey values."""
    return images if images.shape[1] == 1 else _blend(images, _grey(images).floor(), factor)


def grayscale(images: Tensor) -> Tensor:
    """Returns the grey values in every channel."""
    return _grey(images).to(images.dtype).expand_as(images)


def hue(images: Tensor, shift: Tensor) -> Tensor:
    """Returns the images with their hues turned by `shift`, in turns of the colour circle, float (B,)."""
    if images.shape[1] == 1:
        return images
    values = images.float() / 255
    high, low = values.amax(1), values.amin(1)  # (B, H, W)
    span = high - low
    is_grey = span == 0
    red, green, blue = (((high - channel) / span.masked_fill(is_grey, 1)) for channel in values.unbind(1))
    is_red, is_green = values[:, 0] == high, (values[:, 1] == high) & (values[:, 0] != high)
    sixths = torch.where(is_red, blue - green, torch.where(is_green, 2 + red - blue, 4 + green - red))
    turns = torch.remainder(torch.fmod(sixths / 6 + 1, 1) + shift.view(-1, 1, 1), 1)
    # Source of the formula without cases: en.wikipedia.org/wiki/HSL_and_HSV, "HSV to RGB alternative".
    steps = torch.tensor([5.0, 3.0, 1.0]).to(images.device, non_blocking=images.device.type != "mps").view(1, 3, 1, 1)
    k = torch.remainder(steps + 6 * turns[:, None], 6)
    turned = high[:, None] - span[:, None] * torch.minimum(k, 4 - k).clamp(0, 1)
    return (turned * (256 - 1e-3)).to(images.dtype)  # torchvision's way from [0, 1] to uint8


def _grey(images: Tensor) -> Tensor:
    """Returns the grey values, float32 (B, 1, H, W)."""
    if images.shape[1] == 1:
        return images.float()
    red, green, blue = images.float().split(1, dim=1)
    return red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]


def _blend(images: Tensor, others: Tensor, factor: Tensor) -> Tensor:
    """Returns factor · image + (1 − factor) · other, clamped to [0, 255] and rounded down, as in torchvision."""
    factor = factor.view(-1, 1, 1, 1)
    return (images * factor + others * (1 - factor)).clamp(0, 255).to(images.dtype)
