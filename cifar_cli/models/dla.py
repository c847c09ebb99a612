"""Deep layer aggregation: trees whose roots join the feature maps of several blocks; for small images.

Source: Yu et al., "Deep Layer Aggregation", arXiv:1707.06484, figures 2 and 3; the sizes, and the simpler trees of
simple_dla, are those of the public program pytorch-cifar.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from functools import partial
from typing import ClassVar

import torch
from torch import Tensor, nn


class DLABlock(nn.Module):
    """Two 3×3 convolutions and a shortcut, with a 1×1 convolution where the shapes differ.

    Input (B, in_channels, H, W), output (B, out_channels, H / stride, W / stride), rounded up.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1"}
    added: ClassVar[Mapping[str, str]] = {"norm2": "relu2"}

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or in_channels != out_channels:
            conv = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(out_channels)))
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        residual = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(images)))))
        features: Tensor = self.relu2(residual + self.shortcut(images))
        return features


class Root(nn.Module):
    """Joins feature maps by a 1×1 convolution of all their channels, with BatchNorm and ReLU."""

    activated: ClassVar[Mapping[str, str]] = {"norm": "relu"}

    def __init__(self, in_channels: int, out_channels: int) -> None:
        super().__init__()
        self.conv = nn.Conv2d(in_channels, out_channels, kernel_size=1, bias=False)
        self.norm = nn.BatchNorm2d(out_channels)
        self.relu = nn.ReLU(inplace=True)

    def forward(self, *maps: Tensor) -> Tensor:
        features: Tensor = self.relu(self.norm(self.conv(torch.cat(maps, dim=1))))
        return features


class SimpleTree(nn.Module):
    """Two blocks, or two trees of the level below, one behind the other, and a root that joins both."""

    def __init__(self, in_channels: int, out_channels: int, *, level: int, stride: int) -> None:
        super().__init__()
        part: Callable[..., nn.Module] = DLABlock if level == 1 else partial(SimpleTree, level=level - 1)
        self.left = part(in_channels, out_channels, stride=stride)
        self.right = part(out_channels, out_channels, stride=1)
        self.root = Root(2 * out_channels, out_channels)

    def forward(self, images: Tensor) -> Tensor:
        left = self.left(images)
        joined: Tensor = self.root(left, self.right(left))
        return joined


class AggregationTree(nn.Module):
    """A chain of smaller trees, ended by two blocks; the root joins the blocks, the trees and a block of the input.

    The smaller trees have the levels from `level` - 1 down to 1. A tree of level 1 is two blocks and their root.
    """

    def __init__(self, in_channels: int, out_channels: int, *, level: int, stride: int) -> None:
        super().__init__()
        self.before = DLABlock(in_channels, out_channels, stride=stride) if level > 1 else None
        self.trees = nn.ModuleList()
        channels = in_channels
        for lower in range(level - 1, 0, -1):
            self.trees.append(AggregationTree(channels, out_channels, level=lower, stride=stride))
            channels, stride = out_channels, 1
        self.left = DLABlock(channels, out_channels, stride=stride)
        self.right = DLABlock(out_channels, out_channels, stride=1)
        self.root = Root((level + 2 if level > 1 else 2) * out_channels, out_channels)

    def forward(self, images: Tensor) -> Tensor:
        maps = [] if self.before is None else [self.before(images)]
        features = images
        for part in (*self.trees, self.left, self.right):
            features = part(features)  # (B, out_channels, H / stride, W / stride)
            maps.append(features)
        joined: Tensor = self.root(*maps)
        return joined


class DLA(nn.Module):
    """Three 3×3 convolutions, four stages of trees, the mean over the feature map, and Linear.

    Input: images (B, *image_shape); output: logits (B, num_classes). `levels` are those of the trees, `width` is
    that of the first convolution. Each tree doubles the channels, each but the first halves the feature map.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        tree: type[SimpleTree | AggregationTree],
        levels: Sequence[int] = (1, 2, 2, 1),
        width: int = 16,
    ) -> None:
        super().__init__()
        self.stem = nn.Sequential(
            OrderedDict(
                conv1=_convolution(image_shape[0], width),
                conv2=_convolution(width, width),
                conv3=_convolution(width, 2 * width),
            )
        )
        channels, stages = 2 * width, []
        for number, level in enumerate(levels):
            stages.append(tree(channels, 2 * channels, level=level, stride=1 if number == 0 else 2))
            channels *= 2
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al., arXiv:1502.01852
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        features = self.stages(self.stem(images))  # (B, 512, H / 8, W / 8)
        pooled = self.flatten(self.pool(features))  # (B, 512)
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits


def _convolution(in_channels: int, out_channels: int) -> nn.Sequential:
    conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(out_channels), relu=nn.ReLU(inplace=True)))


dla = partial(DLA, tree=AggregationTree)
simple_dla = partial(DLA, tree=SimpleTree)
