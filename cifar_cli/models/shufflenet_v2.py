"""ShuffleNetV2: blocks that work on half of the channels and then mix the halves; for small images.

Source: Ma et al., "ShuffleNet V2: Practical Guidelines for Efficient CNN Architecture Design", arXiv:1807.11164, table
5. As usual for CIFAR-10, the first convolution keeps the image's size and no pooling follows it.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FIRST_CHANNELS = 24


class ShuffleUnit(nn.Module):
    """A branch that keeps half of the channels as they are, and one of a 1×1, a 3×3 and a 1×1 convolution.

    Input and output (B, channels, H, W). The 3×3 convolution filters each channel by itself. Shuffling puts the
    channels of the two branches next to each other, so that the next unit's branches get some of both.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.branch = _branch(channels // 2, channels // 2, stride=1)

    def forward(self, images: Tensor) -> Tensor:
        kept, changed = images.chunk(2, dim=1)  # (B, channels / 2, H, W) each
        return F.channel_shuffle(torch.cat((kept, self.branch(changed)), dim=1), 2)


class DownsamplingUnit(nn.Module):
    """Two branches of all channels that halve the feature map: a 3×3 and a 1×1 convolution; a 1×1, a 3×3 and a 1×1.

    Input (B, in_channels, H, W), output (B, out_channels, H / 2, W / 2), rounded up.
    """

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.shortcut = nn.Sequential(
            OrderedDict(
                depthwise=_depthwise(in_channels, stride=2),
                norm1=nn.BatchNorm2d(in_channels),
                conv=nn.Conv2d(in_channels, out_channels // 2, kernel_size=1, bias=False),
                norm2=nn.BatchNorm2d(out_channels // 2),
                relu=nn.ReLU(inplace=True),
            )
        )
        self.branch = _branch(in_channels, out_channels // 2, stride=2)

    def forward(self, images: Tensor) -> Tensor:
        return F.channel_shuffle(torch.cat((self.shortcut(images), self.branch(images)), dim=1), 2)


class ShuffleNetV2(nn.Module):
    """A 3×3 convolution, a stage of units for each of `blocks`, a 1×1 convolution, the mean over the map, and Linear.

    Input: images (B, *image_shape); output: logits (B, num_classes). `width`, an even number, is that of the first
    stage, `last_width` that of the last convolution. Each stage halves the feature map, each but the first doubles the
    channels.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1", "norm2": "relu2"}

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        blocks: Sequence[int] = (4, 8, 4),
        width: int = 116,
        last_width: int = 1024,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[0], FIRST_CHANNELS, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(FIRST_CHANNELS)
        self.relu1 = nn.ReLU(inplace=True)
        channels, stages = FIRST_CHANNELS, []
        for number, count in enumerate(blocks):
            out_channels = width << number
            first = DownsamplingUnit(channels, out_channels)
            stages.append(nn.Sequential(first, *(ShuffleUnit(out_channels) for _ in range(count - 1))))
            channels = out_channels
        self.stages = nn.Sequential(*stages)
        self.conv2 = nn.Conv2d(channels, last_width, kernel_size=1, bias=False)
        self.norm2 = nn.BatchNorm2d(last_width)
        self.relu2 = nn.ReLU(inplace=True)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(last_width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu1(self.norm1(self.conv1(images)))  # (B, 24, H, W)
        features = self.stages(features)  # (B, 464, H / 8, W / 8)
        features = self.relu2(self.norm2(self.conv2(features)))  # (B, 1024, H / 8, W / 8)
        pooled = self.flatten(self.pool(features))  # (B, 1024)
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits


def _branch(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    return nn.Sequential(
        OrderedDict(
            conv1=nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False),
            norm1=nn.BatchNorm2d(out_channels),
            relu1=nn.ReLU(inplace=True),
            depthwise=_depthwise(out_channels, stride=stride),
            norm2=nn.BatchNorm2d(out_channels),
            conv2=nn.Conv2d(out_channels, out_channels, kernel_size=1, bias=False),
            norm3=nn.BatchNorm2d(out_channels),
            relu2=nn.ReLU(inplace=True),
        )
    )


def _depthwise(channels: int, *, stride: int) -> nn.Conv2d:
    """Returns a 3×3 convolution that filters each channel by itself."""
    return nn.Conv2d(channels, channels, kernel_size=3, stride=stride, padding=1, groups=channels, bias=False)
