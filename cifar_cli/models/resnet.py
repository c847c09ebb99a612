"""The residual networks for small images: resnet20, 32, 44, 56 and 110.

Source: He et al., "Deep Residual Learning for Image Recognition", arXiv:1512.03385, section 4.2.
"""

from collections import OrderedDict
from collections.abc import Callable, Mapping
from functools import partial
from typing import ClassVar

from torch import Tensor, nn
from torch.nn import functional as F


class PaddedShortcut(nn.Module):
    """Every `stride`-th pixel, with zeros for the new channels: the paper's option A, which has no parameters.

    Input (B, in_channels, H, W), output (B, out_channels, H / stride, W / stride), rounded up.
    """

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.stride = stride
        self.before = (out_channels - in_channels) // 2
        self.after = out_channels - in_channels - self.before

    def forward(self, images: Tensor) -> Tensor:
        pixels = images[:, :, :: self.stride, :: self.stride]
        return F.pad(pixels, (0, 0, 0, 0, self.before, self.after))


def projected_shortcut(in_channels: int, out_channels: int, *, stride: int) -> nn.Sequential:
    """Returns a 1×1 convolution and BatchNorm: the paper's option B. Shapes as for PaddedShortcut."""
    return nn.Sequential(
        OrderedDict(
            conv=nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False),
            norm=nn.BatchNorm2d(out_channels),
        )
    )


SHORTCUTS: Mapping[str, Callable[..., nn.Module]] = {"projection": projected_shortcut, "padding": PaddedShortcut}


class ResidualBlock(nn.Module):
    """Two 3×3 convolutions with BatchNorm, whose output is added to the block's input.

    Input (B, in_channels, H, W), output (B, out_channels, H / stride, W / stride), rounded up. Where the shapes differ,
    the input goes through the `shortcut`.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1"}
    added: ClassVar[Mapping[str, str]] = {"norm2": "relu2"}

    def __init__(self, in_channels: int, out_channels: int, *, stride: int, shortcut: str) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(out_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        changes_shape = stride > 1 or in_channels != out_channels
        self.shortcut = (
            SHORTCUTS[shortcut](in_channels, out_channels, stride=stride) if changes_shape else nn.Identity()
        )
        self.relu2 = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        residual: Tensor = self.norm2(self.conv2(self.relu1(self.norm1(self.conv1(images)))))
        features: Tensor = self.relu2(residual + self.shortcut(images))  # (B, out_channels, H / stride, W / stride)
        return features


class ResNet(nn.Module):
    """A 3×3 convolution, three stages of blocks with 16, 32 and 64 channels, the mean over the feature map, Linear.

    Input: images (B, *image_shape); output: logits (B, num_classes). The second and the third stage halve the feature
    map. With `blocks_per_stage` n, the network has 6n + 2 layers with weights.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1"}

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        blocks_per_stage: int,
        shortcut: str = "projection",
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[0], 16, kernel_size=3, padding=1, bias=False)
        self.norm1 = nn.BatchNorm2d(16)
        self.relu1 = nn.ReLU(inplace=True)
        self.stage1 = _stage(16, 16, blocks=blocks_per_stage, stride=1, shortcut=shortcut)
        self.stage2 = _stage(16, 32, blocks=blocks_per_stage, stride=2, shortcut=shortcut)
        self.stage3 = _stage(32, 64, blocks=blocks_per_stage, stride=2, shortcut=shortcut)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(64, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al., arXiv:1502.01852, as the paper asks
                nn.init.kaiming_normal_(layer.weight, nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu1(self.norm1(self.conv1(images)))  # (B, 16, H, W)
        features = self.stage3(self.stage2(self.stage1(features)))  # (B, 64, H / 4, W / 4)
        pooled = self.flatten(self.pool(features))  # (B, 64)
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits


def _stage(in_channels: int, out_channels: int, *, blocks: int, stride: int, shortcut: str) -> nn.Sequential:
    channels = [in_channels, *[out_channels] * blocks]
    return nn.Sequential(
        *(
            ResidualBlock(channels[i], channels[i + 1], stride=stride if i == 0 else 1, shortcut=shortcut)
            for i in range(blocks)
        )
    )


resnet20 = partial(ResNet, blocks_per_stage=3)
resnet32 = partial(ResNet, blocks_per_stage=5)
resnet44 = partial(ResNet, blocks_per_stage=7)
resnet56 = partial(ResNet, blocks_per_stage=9)
resnet110 = partial(ResNet, blocks_per_stage=18)
