"""Colours of uint8 images, each image changed by its own factor: torchvision's operations on batches.

A factor, float (B,), of 1 returns the image, but for `hue`, where it is 0. Images are uint8 (B, C, H, W). Of images
with one channel, `saturation`, `hue` and `grayscale` return the image.
"""

import torch
from torch import Tensor
from torch.nn import functional as F

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


def sharpness(images: Tensor, factor: Tensor) -> Tensor:
    """Returns the images blended with blurred ones; the border's pixels stay."""
    height, width = images.shape[-2:]
    if min(height, width) <= 2:
        return images
    values = images.float()
    sums = F.avg_pool2d(values, 3, stride=1, divisor_override=1)  # (B, C, H − 2, W − 2)
    blurred = ((sums + 4 * values[..., 1:-1, 1:-1]) / 13).round()  # PIL's kernel: ones, and 5 in the middle
    sharpened = images.clone()
    sharpened[..., 1:-1, 1:-1] = _blend(images[..., 1:-1, 1:-1], blurred, factor)
    return sharpened


def posterize(images: Tensor, bits: Tensor) -> Tensor:
    """Returns the images with their `bits` highest bits, int64 (B,) in [0, 8]."""
    step = torch.pow(2, 8 - bits).view(-1, 1, 1, 1)
    return (images // step * step).to(images.dtype)


def solarize(images: Tensor, threshold: Tensor) -> Tensor:
    """Returns the images with the values inverted that are at least `threshold`, float (B,)."""
    return torch.where(images >= threshold.view(-1, 1, 1, 1), 255 - images, images)


def autocontrast(images: Tensor) -> Tensor:
    """Returns the images with each channel stretched to [0, 255]."""
    values = images.float()
    low, high = values.amin((2, 3), keepdim=True), values.amax((2, 3), keepdim=True)
    is_flat = low == high
    scale = torch.where(is_flat, 1, (high - low) * (1 / 255))
    return ((values - low.masked_fill(is_flat, 0)) / scale).clamp(0, 255).to(images.dtype)


def equalize(images: Tensor) -> Tensor:
    """Returns the images with each channel's histogram made even, by the table of values that PIL uses."""
    values = images.flatten(2).long()  # (B, C, H · W)
    counts = torch.zeros(*values.shape[:2], 256, dtype=torch.int64, device=images.device)
    counts.scatter_add_(2, values, torch.ones_like(values))
    of_highest = counts.gather(2, values.amax(2, keepdim=True))
    step = (values.shape[2] - of_highest) // 255  # (B, C, 1)
    before = counts.cumsum(2) - counts  # pixels that are darker
    table = ((before + step // 2) // step.clamp(min=1)).clamp(max=255)
    equalized = table.gather(2, values).to(images.dtype).view_as(images)
    return torch.where(step[..., None] == 0, images, equalized)


def _grey(images: Tensor) -> Tensor:
    """Returns the grey values, float32 (B, 1, H, W)."""
    if images.shape[1] == 1:
        return images.float()
    red, green, blue = images.float().split(1, dim=1)
    grey: Tensor = red * LUMA[0] + green * LUMA[1] + blue * LUMA[2]
    return grey


def _blend(images: Tensor, others: Tensor, factor: Tensor) -> Tensor:
    """Returns factor · image + (1 − factor) · other, clamped to [0, 255] and rounded down, as in torchvision."""
    factor = factor.view(-1, 1, 1, 1)
    return (images * factor + others * (1 - factor)).clamp(0, 255).to(images.dtype)
