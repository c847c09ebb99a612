"""The residual network whose BatchNorm and ReLU come before the convolutions, for small images.

Source: He et al., "Identity Mappings in Deep Residual Networks", arXiv:1603.05027, figure 1b; 18 layers, with the first
layer and the stages of models/resnet18.py.
"""

from collections.abc import Mapping, Sequence
from typing import ClassVar

from torch import Tensor, nn


class PreActResidual(nn.Module):
    """BatchNorm, ReLU and a 3×3 convolution, twice, and a shortcut that nothing follows.

    Input (B, in_channels, H, W), output (B, out_channels, H / stride, W / stride), rounded up. Where the shapes differ,
    the shortcut is a 1×1 convolution of the activated input.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm1": "relu1", "norm2": "relu2"}

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.norm1 = nn.BatchNorm2d(in_channels)
        self.relu1 = nn.ReLU(inplace=True)
        self.conv1 = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm2 = nn.BatchNorm2d(out_channels)
        self.relu2 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(out_channels, out_channels, kernel_size=3, padding=1, bias=False)
        self.shortcut: nn.Conv2d | None = None
        if stride > 1 or in_channels != out_channels:
            self.shortcut = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)

    def forward(self, images: Tensor) -> Tensor:
        activated = self.relu1(self.norm1(images))
        residual: Tensor = self.conv2(self.relu2(self.norm2(self.conv1(activated))))
        return residual + (images if self.shortcut is None else self.shortcut(activated))


class PreActResNet(nn.Module):
    """A 3×3 convolution, a stage of blocks for each of `blocks`, BatchNorm, ReLU, the mean over the map, and Linear.

    Input: images (B, *image_shape); output: logits (B, num_classes). `width` is that of the first stage; each later
    stage doubles it and halves the feature map.
    """

    activated: ClassVar[Mapping[str, str]] = {"norm": "relu"}

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        blocks: Sequence[int] = (2, 2, 2, 2),
        width: int = 64,
    ) -> None:
        super().__init__()
        self.conv1 = nn.Conv2d(image_shape[0], width, kernel_size=3, padding=1, bias=False)
        channels, stages = width, []
        for number, count in enumerate(blocks):
            stage = []
            for index in range(count):
                stage.append(PreActResidual(channels, width << number, stride=2 if number > 0 and index == 0 else 1))
                channels = width << number
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
        features = self.stages(self.conv1(images))  # (B, 512, H / 8, W / 8) with four stages from 64
        features = self.relu(self.norm(features))
        pooled = self.flatten(self.pool(features))  # (B, 512)
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits
