"""Affine maps of images, each image by its own matrix, with the nearest pixel: torchvision's operations on batches."""

import torch
from torch import Tensor
from torch.nn import functional as F


def affine(images: Tensor, inverse: Tensor) -> Tensor:
    """Returns uint8 images (B, C, H, W) with zeros where the map points outside.

    inverse: float (B, 2, 3), from the places of the result to those of the image, in pixels from the centre.
    """
    height, width = images.shape[-2:]
    x = torch.arange(width, device=images.device) + (0.5 - width / 2)
    y = torch.arange(height, device=images.device) + (0.5 - height / 2)
    ones = torch.ones(height, width, device=images.device)
    places = torch.stack((x.expand(height, width), y[:, None].expand(height, width), ones), dim=-1)  # (H, W, 3)
    grid_x, grid_y = (places.view(1, -1, 3) @ inverse.mT).unbind(-1)  # each (B, H · W)
    grid = torch.stack((grid_x / (width / 2), grid_y / (height / 2)), dim=-1).view(-1, height, width, 2)
    moved = F.grid_sample(images.float(), grid, mode="nearest", padding_mode="zeros", align_corners=False)
    return moved.round().to(images.dtype)


def rotation(degrees: Tensor) -> Tensor:
    """Returns the inverse maps (B, 2, 3) of rotations about the centre, counter-clockwise. degrees: float (B,)."""
    cos, sin, zero = degrees.deg2rad().cos(), degrees.deg2rad().sin(), torch.zeros_like(degrees)
    return torch.stack((cos, -sin, zero, sin, cos, zero), dim=-1).view(-1, 2, 3)


def shear_x(levels: Tensor, *, height: int) -> Tensor:
    """Returns the inverse maps (B, 2, 3) that add levels · y to x, y from the upper border. levels: float (B,)."""
    zero, one = torch.zeros_like(levels), torch.ones_like(levels)
    return torch.stack((one, levels, levels * (height / 2), zero, one, zero), dim=-1).view(-1, 2, 3)


def shear_y(levels: Tensor, *, width: int) -> Tensor:
    """Returns the inverse maps (B, 2, 3) that add levels · x to y, x from the left border. levels: float (B,)."""
    zero, one = torch.zeros_like(levels), torch.ones_like(levels)
    return torch.stack((one, zero, zero, levels, one, levels * (width / 2)), dim=-1).view(-1, 2, 3)


def translation(right: Tensor, down: Tensor) -> Tensor:
    """Returns the inverse maps (B, 2, 3) of shifts in pixels, float (B,)."""
    zero, one = torch.zeros_like(right), torch.ones_like(right)
    return torch.stack((one, zero, -right, zero, one, -down), dim=-1).view(-1, 2, 3)
