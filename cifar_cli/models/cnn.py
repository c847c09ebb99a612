"""A small convolutional network: blocks of convolution, BatchNorm and ReLU, each halving the feature map."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn


class Block(nn.Module):
    """Two 3×3 convolutions, each followed by BatchNorm and ReLU; a pooling after the first halves the feature map.

    Input (B, in_channels, H, W), output (B, out_channels, H // 2, W // 2).
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1", "norm2": "relu2"}

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        # No bias: the following BatchNorm would subtract it.
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.pool = nn.MaxPool2d(2)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        # Pooling before normalization leaves a quarter of the pixels to normalize.
        features: Tensor = self.relu1(self.norm1(self.pool(self.conv1(images))))  # (B, out_channels, H/2, W/2)
        features = self.relu2(self.norm2(self.conv2(features)))
        return features


class CNN(nn.Module):
    """One block for each of `widths`, the mean over the feature map, dropout, and a linear layer.

    Input: images (B, *image_shape); output: logits (B, num_classes). Each block halves the feature map, so images of
    32×32 pixels allow at most five widths.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        widths: Sequence[int] = (64, 128, 256),
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels = [image_shape[0], *widths]
        self.blocks = nn.Sequential(*(Block(channels[i], channels[i + 1]) for i in range(len(widths))))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(channels[-1], num_classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.blocks(images)  # (B, widths[-1], H / 2^n, W / 2^n)
        pooled = self.flatten(self.pool(features))  # (B, widths[-1])
        logits: Tensor = self.fc(self.dropout(pooled))  # (B, num_classes)
        return logits
