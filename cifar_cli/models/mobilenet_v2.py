"""MobileNetV2: blocks that widen, filter each channel by itself, and narrow again; for small images.

Source: Sandler et al., "MobileNetV2: Inverted Residuals and Linear Bottlenecks", arXiv:1801.04381, table 2. As usual
for CIFAR-10, the first convolution and the second stage keep the feature map's size, which large pictures halve there.
"""

from collections import OrderedDict
from collections.abc import Sequence

from torch import Tensor, nn

# Of each stage: expansion, channels, stride of the first block.
STAGES = ((1, 16, 1), (6, 24, 1), (6, 32, 2), (6, 64, 2), (6, 96, 1), (6, 160, 2), (6, 320, 1))
FIRST_CHANNELS = 32


class LinearBottleneck(nn.Module):
    """A 1×1 convolution to `expansion` times the channels, a 3×3 convolution by channel, a 1×1 convolution.

    Input (B, in_channels, H, W), output (B, out_channels, H / stride, W / stride), rounded up. Nothing follows the last
    BatchNorm. Where the shapes agree, the input is added. An expansion of 1 needs no first convolution.
    """

    def __init__(self, in_channels: int, out_channels: int, *, expansion: int, stride: int) -> None:
        super().__init__()
        width = in_channels * expansion
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        if expansion > 1:
            layers["expand"] = _convolution(in_channels, width, kernel_size=1)
        layers["depthwise"] = _convolution(width, width, kernel_size=3, stride=stride, groups=width)
        layers["project"] = nn.Conv2d(width, out_channels, kernel_size=1, bias=False)
        layers["norm"] = nn.BatchNorm2d(out_channels)
        self.layers = nn.Sequential(layers)
        self.has_residual = stride == 1 and in_channels == out_channels

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.layers(images)
        return images + features if self.has_residual else features


class MobileNetV2(nn.Module):
    """A 3×3 convolution, seven stages of blocks, a 1×1 convolution, the mean over the feature map, dropout, Linear.

    Input: images (B, *image_shape); output: logits (B, num_classes). `blocks` counts those of each stage; fewer than
    seven leave out the last stages. `width_factor` multiplies all channels, but a factor below 1 not
    `last_width`, those of the last convolution.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        blocks: Sequence[int] = (1, 2, 3, 4, 3, 3, 1),
        width_factor: float = 1.0,
        last_width: int = 1280,
        dropout: float = 0.2,
    ) -> None:
        super().__init__()
        channels = _rounded(FIRST_CHANNELS * width_factor)
        self.stem = _convolution(image_shape[0], channels, kernel_size=3)
        stages = []
        for count, (expansion, wide, first_stride) in zip(blocks, STAGES, strict=False):
            out_channels, stage = _rounded(wide * width_factor), []
            for index in range(count):
                stride = first_stride if index == 0 else 1
                stage.append(LinearBottleneck(channels, out_channels, expansion=expansion, stride=stride))
                channels = out_channels
            stages.append(nn.Sequential(*stage))
        self.stages = nn.Sequential(*stages)
        last = _rounded(last_width * max(1.0, width_factor))  # a factor below 1 leaves it as it is
        self.last = _convolution(channels, last, kernel_size=1)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.dropout = nn.Dropout(dropout)
        self.fc = nn.Linear(last, num_classes)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al., arXiv:1502.01852
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        features = self.stages(self.stem(images))  # (B, 320, H / 8, W / 8)
        features = self.last(features)  # (B, 1280, H / 8, W / 8)
        pooled = self.flatten(self.pool(features))  # (B, 1280)
        logits: Tensor = self.fc(self.dropout(pooled))  # (B, num_classes)
        return logits


def _convolution(
    in_channels: int, out_channels: int, *, kernel_size: int, stride: int = 1, groups: int = 1
) -> nn.Sequential:
    """Returns a convolution that keeps the feature map's size but for its stride, BatchNorm, and ReLU up to 6."""
    conv = nn.Conv2d(
        in_channels, out_channels, kernel_size, stride=stride, padding=kernel_size // 2, groups=groups, bias=False
    )
    return nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(out_channels), relu=nn.ReLU6(inplace=True)))


def _rounded(channels: float, divisor: int = 8) -> int:
    """Returns the nearest multiple of 8 that takes at most a tenth away, by the rule of the authors' program."""
    rounded = max(divisor, int(channels + divisor / 2) // divisor * divisor)
    return rounded if rounded >= 0.9 * channels else rounded + divisor
