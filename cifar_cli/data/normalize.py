"""Converts uint8 images to the floats that a network takes."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn


class Normalize(nn.Module):
    """Maps uint8 images to (image / 255 − mean) / std, per channel, in float32. Has an empty state_dict."""

    scale: Tensor  # (1, C, 1, 1)
    bias: Tensor  # (1, C, 1, 1)

    def __init__(self, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        scale = 1 / (255 * torch.tensor(std, dtype=torch.float64))
        bias = -torch.tensor(mean, dtype=torch.float64) / torch.tensor(std, dtype=torch.float64)
        self.register_buffer("scale", scale.float().view(1, -1, 1, 1), persistent=False)
        self.register_buffer("bias", bias.float().view(1, -1, 1, 1), persistent=False)

    def forward(self, images: Tensor) -> Tensor:
        """images: uint8 (B, C, H, W) → float32 (B, C, H, W)."""
        # In place: on a CPU, new memory costs more than the arithmetic.
        return images.float().mul_(self.scale).add_(self.bias)


def to_unit(images: Tensor) -> Tensor:
    """Maps uint8 images to float32 in [0, 1], exactly as torchvision's ToTensor does. Any shape."""
    return images.float().div_(255)
