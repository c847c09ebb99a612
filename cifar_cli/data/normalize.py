"""Turns uint8 images into the numbers a network takes. Of datasets it knows only their channel statistics."""

from collections.abc import Sequence

import torch
from torch import Tensor, nn

# Per channel over the whole training set, pixels in [0, 1]. (The CIFAR-10 deviations 0.2023, 0.1994, 0.2010 of many
# scripts are averages of per-image deviations, which is something else and too small.)
CIFAR10_MEAN, CIFAR10_STD = (0.4914, 0.4822, 0.4465), (0.2470, 0.2435, 0.2616)
CIFAR100_MEAN, CIFAR100_STD = (0.5071, 0.4865, 0.4409), (0.2673, 0.2564, 0.2762)
FASHION_MNIST_MEAN, FASHION_MNIST_STD = (0.2860,), (0.3530,)
SYNTHETIC_MEAN, SYNTHETIC_STD = (0.500, 0.505, 0.501), (0.286, 0.285, 0.287)


class Normalize(nn.Module):
    """Maps uint8 images to (image / 255 − mean) / std, per channel, in float32. Has no parameters and saves nothing."""

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
        # In place: new memory costs more than arithmetic (torch.addcmul takes 4 to 6 times as long on a CPU).
        return images.float().mul_(self.scale).add_(self.bias)


def to_unit(images: Tensor) -> Tensor:
    """Maps uint8 images to float32 in [0, 1], exactly as torchvision's ToTensor does. Any shape."""
    return images.float().div_(255)
