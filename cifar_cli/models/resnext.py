"""The residual network whose 3×3 convolutions are split into groups, for small images.

Source: Xie et al., "Aggregated Residual Transformations for Deep Neural Networks", arXiv:1611.05431, section 5.3. The
name resnext29_4x64d stands for 29 layers with 4 groups of 64 channels. The first layer, a 1×1 convolution, and the
channels behind each block, twice those of the groups, are those of the public program pytorch-cifar.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from torch import Tensor, nn


class GroupedResidual(nn.Module):
    """A 1×1 convolution, a 3×3 convolution in groups, a 1×1 convolution to twice the channels, and a shortcut.

    Input (B, in_channels, H, W), output (B, 2·width, H / stride, W / stride), rounded up; the groups share `width`.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1", "norm2": "relu2"}
    added: ClassVar[Mapping[str, str]] = {"norm3": "relu3"}

    def __init__(self, in_channels: int, width: int, *, groups: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=stride, padding=1, groups=groups, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, 2 * width, kernel_size=1, bias=False)
        self.norm3 = nn.BatchNorm2d(2 * width)
        self.shortcut: nn.Module = nn.Identity()
        if stride > 1 or in_channels != 2 * width:
            conv = nn.Conv2d(in_channels, 2 * width, kernel_size=1, stride=stride, bias=False)
            self.shortcut = nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(2 * width)))
        self.relu3 = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu1(self.norm1(self.conv1(images)))  # (B, width, H, W)
        features = self.relu2(self.norm2(self.conv2(features)))  # (B, width, H / stride, W / stride)
        residual = self.norm3(self.conv3(features))  # (B, 2·width, H / stride, W / stride)
        output: Tensor = self.relu3(residual + self.shortcut(images))
        return output


class ResNeXt(nn.Module):
    """A 1×1 convolution, a stage of blocks for each of `blocks`, the mean over the feature map, and Linear.

    Input: images (B, *image_shape); output: logits (B, num_classes). The first stage has `groups` groups of
    `group_width` channels; each later stage doubles the channels and halves the feature map.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1"}

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        groups: int,
        group_width: int,
        blocks: Sequence[int] = (3, 3, 3),
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[0], 64, kernel_size=1, bias=False)
        self.norm1 = nn.BatchNorm2d(64)
        self.relu1 = nn.ReLU(inplace=True)
        channels, stages = 64, []
        for number, count in enumerate(blocks):
            width, stage = groups * group_width << number, []
            for index in range(count):
                stride = 2 if number > 0 and index == 0 else 1
                stage.append(GroupedResidual(channels, width, groups=groups, stride=stride))
                channels = 2 * width
            stages.append(nn.Sequential(*stage))
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al., arXiv:1502.01852, as the paper asks
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu1(self.norm1(self.conv1(images)))  # (B, 64, H, W)
        features = self.stages(features)  # (B, 2048, H / 4, W / 4) with 4 groups of 64 in the first of three stages
        pooled = self.flatten(self.pool(features))
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits


resnext29_4x64d = partial(ResNeXt, groups=4, group_width=64)
