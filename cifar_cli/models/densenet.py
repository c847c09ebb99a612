"""The networks in which each layer reads the feature maps of all layers before it in its block; for small images.

Source: Huang et al., "Densely Connected Convolutional Networks", arXiv:1608.06993, section 3: DenseNet-BC, which has
bottlenecks and halves the channels between its blocks. The name densenet_bc_100_12 stands for 100 layers that each add
12 channels; densenet121 has the blocks of the network for large pictures, with 12 instead of 32 channels.
"""

from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn

BOTTLENECK = 4  # a 1×1 convolution reduces what a layer reads to four times the channels that the layer adds


class DenseLayer(nn.Module):
    """BatchNorm, ReLU and a 1×1 convolution; BatchNorm, ReLU and a 3×3 convolution, whose output is added as channels.

    Input (B, in_channels, H, W), output (B, in_channels + growth_rate, H, W).
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1", "norm2": "relu2"}

    def __init__(self, in_channels: int, *, growth_rate: int, dropout: float) -> None:
        super().__init__()
        width = BOTTLENECK * growth_rate
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, growth_rate, kernel_size=3, padding=1, bias=False)
        self.dropout = nn.Dropout(dropout)

    def forward(self, images: Tensor) -> Tensor:
        reduced = self.conv1(self.relu1(self.norm1(images)))  # (B, 4·growth_rate, H, W)
        added = self.dropout(self.conv2(self.relu2(self.norm2(reduced))))  # (B, growth_rate, H, W)
        return torch.cat((images, added), dim=1)


class Transition(nn.Module):
    """BatchNorm, ReLU, a 1×1 convolution to `out_channels`, and the mean of each 2×2 window."""

    activated: ClassVar[Mapping[str, str]] = {"norm": "relu"}

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.norm = nn.BatchNorm2d(in_channels)
        self.relu = nn.ReLU(inplace=True)
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.pool = nn.AvgPool2d(2)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.pool(self.conv(self.relu(self.norm(images))))  # (B, out_channels, H / 2, W / 2)
        return features


class DenseNet(nn.Module):
    """A 3×3 convolution, a dense block for each of `block_layers`, BatchNorm, ReLU, the mean over the map, and Linear.

    Input: images (B, *image_shape) with sides of 2^(blocks - 1) pixels or more; output: logits (B, num_classes). A
    transition between two blocks halves the channels and the feature map.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm": "relu"}

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        block_layers: Sequence[int],
        growth_rate: int = 12,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        channels = 2 * growth_rate
        self.conv1 = nn.Conv2d(image_shape[0], channels, kernel_size=3, padding=1, bias=False)
        self.blocks = nn.Sequential()
        for number, count in enumerate(block_layers, start=1):
            block = nn.Sequential()
            for _ in range(count):
                block.append(DenseLayer(channels, growth_rate=growth_rate, dropout=dropout))
                channels += growth_rate
            self.blocks.add_module(f"dense{number}", block)
            if number < len(block_layers):
                self.blocks.add_module(f"transition{number}", Transition(channels, channels // 2))
                channels //= 2
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al., arXiv:1502.01852, as the paper asks
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        features = self.blocks(self.conv1(images))  # (B, 342, H / 4, W / 4) of densenet_bc_100_12
        features = self.relu(self.norm(features))
        pooled = self.flatten(self.pool(features))
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits


densenet_bc_100_12 = partial(DenseNet, block_layers=(16, 16, 16))
densenet121 = partial(DenseNet, block_layers=(6, 12, 24, 16))
