"""The wide residual networks: few layers with many channels.

Source: Zagoruyko and Komodakis, "Wide Residual Networks", arXiv:1605.07146. The name wide_resnet28_10 stands for 28
layers, ten times as wide as the first residual networks for CIFAR-10.
"""

from collections.abc import Mapping
from functools import partial
from typing import ClassVar

from torch import Tensor, nn


class WideResidual(nn.Module):
    """BatchNorm, ReLU and a 3×3 convolution, twice, with dropout between the convolutions, and a shortcut.

    Input (B, in_channels, H, W), output (B, out_channels, H / stride, W / stride), rounded up. Where the shapes differ,
    the shortcut is a 1×1 convolution of the activated input, as in the authors' program.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1", "norm2": "relu2"}

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, dropout: float) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.relu2 = nn.ReLU(inplace=True)
        self.dropout = nn.Dropout(dropout)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.shortcut: nn.Conv2d | None = None
        if stride > 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        activated = self.relu1(self.norm1(images))
        residual: Tensor = self.conv2(self.dropout(self.relu2(self.norm2(self.conv1(activated)))))
        return residual + (images if self.shortcut is None else self.shortcut(activated))


class WideResNet(nn.Module):
    """A 3×3 convolution, three stages of blocks, BatchNorm, ReLU, the mean over the feature map, and Linear.

    Input: images (B, *image_shape); output: logits (B, num_classes). The stages have 16, 32 and 64 times `width_factor`
    channels, the second and the third halve the feature map. With `blocks_per_stage` n, 6n + 4 layers have weights.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm": "relu"}

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        blocks_per_stage: int,
        width_factor: int,
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[0], 16, kernel_size=3, padding=1, bias=False)
        channels, stages = 16, []
        for number in range(3):
            out_channels, stage = (16 << number) * width_factor, []
            for index in range(blocks_per_stage):
                stride = 2 if number > 0 and index == 0 else 1
                stage.append(WideResidual(channels, out_channels, stride=stride, dropout=dropout))
                channels = out_channels
            stages.append(nn.Sequential(*stage))
        self.stages = nn.Sequential(*stages)
        self.norm = nn.BatchNorm2d(channels)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al., arXiv:1502.01852
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        features = self.stages(self.conv1(images))  # (B, 64·width_factor, H / 4, W / 4)
        features = self.relu(self.norm(features))
        pooled = self.flatten(self.pool(features))  # (B, 64·width_factor)
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits


wide_resnet16_8 = partial(WideResNet, blocks_per_stage=2, width_factor=8)
wide_resnet28_10 = partial(WideResNet, blocks_per_stage=4, width_factor=10)
