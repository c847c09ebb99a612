"""The residual networks for large pictures, resnet18, 34 and 50, with the first layer that small images need.

Source: He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385, section 4.1. Instead of a 7×7
convolution and a pooling, which leave a quarter of each side, the network begins with a 3×3 convolution, as usual for
CIFAR-10. models/resnet.py has the networks of section 4.2, which are narrower.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from functools import partial
from typing import ClassVar

from torch import Tensor, nn


class PlainResidual(nn.Module):
    """Two 3×3 convolutions and a shortcut.

    Input (B, in_channels, H, W), output (B, width, H / stride, W / stride), rounded up.
    """

    expansion = 1

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1"}
    added: ClassVar[Mapping[str, str]] = {"norm2": "relu2"}

    def __init__(self, in_channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.shortcut = _shortcut(in_channels, width, stride=stride)
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        residual = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(images)))))
        features: Tensor = self.relu2(residual + self.shortcut(images))
        return features


class BottleneckResidual(nn.Module):
    """A 1×1 convolution to `width` channels, a 3×3 convolution, a 1×1 convolution to 4·width channels; a shortcut.

    Input (B, in_channels, H, W), output (B, 4·width, H / stride, W / stride), rounded up. The 3×3 convolution has the
    stride, as in torchvision; in the paper the first 1×1 convolution has it.
    """

    expansion = 4

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1", "norm2": "relu2"}
    added: ClassVar[Mapping[str, str]] = {"norm3": "relu3"}

    def __init__(self, in_channels: int, width: int, *, stride: int) -> None:
        super().__init__()
        out_channels = self.expansion * width
        self.conv1 = nn.Conv2d(in_channels, width, kernel_size=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(width)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, out_channels, kernel_size=1, bias=False)
        self.norm3 = nn.BatchNorm2d(out_channels)
        self.shortcut = _shortcut(in_channels, out_channels, stride=stride)
        self.relu3 = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu1(self.norm1(self.conv1(images)))  # (B, width, H, W)
        features = self.relu2(self.norm2(self.conv2(features)))  # (B, width, H / stride, W / stride)
        residual = self.norm3(self.conv3(features))  # (B, 4·width, H / stride, W / stride)
        output: Tensor = self.relu3(residual + self.shortcut(images))
        return output


class FourStageResNet(nn.Module):
    """A 3×3 convolution, a stage of residual blocks for each of `blocks`, the mean over the feature map, Linear.

    Input: images (B, *image_shape); output: logits (B, num_classes). `width` is that of the first stage; each later
    stage doubles it and halves the feature map.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1"}

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        block: type[PlainResidual | BottleneckResidual],
        blocks: Sequence[int],
        width: int = 64,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[0], width, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(width)
        self.relu1 = nn.ReLU(inplace=True)
        channels, stages = width, []
        for number, count in enumerate(blocks):
            stage = []
            for index in range(count):
                stage.append(block(channels, width << number, stride=2 if number > 0 and index == 0 else 1))
                channels = block.expansion * width << number
            stages.append(nn.Sequential(*stage))
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al., arXiv:1502.01852, as the paper asks
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu1(self.norm1(self.conv1(images)))  # (B, width, H, W)
        features = self.stages(features)  # (B, 512 or 2048, H / 8, W / 8) with four stages of 64 and more
        pooled = self.flatten(self.pool(features))
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits


def _shortcut(in_channels: int, out_channels: int, *, stride: int) -> nn.Module:
    """Returns the identity where the shapes agree, else a 1×1 convolution: the paper's option B."""
    if stride == 1 and in_channels == out_channels:
        return nn.Identity()
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
            norm=nn.BatchNorm2d(out_channels),
        )
    )


resnet18 = partial(FourStageResNet, block=PlainResidual, blocks=(2, 2, 2, 2))
resnet34 = partial(FourStageResNet, block=PlainResidual, blocks=(3, 4, 6, 3))
resnet50 = partial(FourStageResNet, block=BottleneckResidual, blocks=(3, 4, 6, 3))
