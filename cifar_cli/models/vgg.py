"""The networks of 3×3 convolutions and poolings, with BatchNorm: vgg11_bn, 13, 16 and 19, for small images.

Source: Simonyan and Zisserman, "Very Deep Convolutional Networks for Large-Scale Image Recognition", arXiv:1409.1556,
table 1, columns A, B, D and E. BatchNorm behind each convolution, and linear layers of 512 instead of 4096 units, are
usual for CIFAR-10.
"""

from collections import OrderedDict
from collections.abc import Sequence
from functools import partial

from torch import Tensor, nn

MOST_DOUBLINGS = 3  # the fifth stage is as wide as the fourth


class VGG(nn.Module):
    """Stages of 3×3 convolutions with BatchNorm and ReLU, each ended by a pooling; then linear layers.

    Input: images (B, *image_shape); output: logits (B, num_classes). `convolutions` counts those of each stage, `width`
    is that of the first stage; later stages double it, up to eight times. A linear layer with ReLU and dropout for each
    of `hidden` comes before the last. The poolings round up: images of 28 pixels are large enough for five of them.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        convolutions: Sequence[int],
        width: int = 64,
        hidden: Sequence[int] = (512, 512),
        dropout: float = 0.5,
    ) -> None:
        super().__init__()
        channels, stages = image_shape[0], []
        for number, count in enumerate(convolutions):
            out_channels = width << min(number, MOST_DOUBLINGS)
            stages.append(_stage(channels, out_channels, convolutions=count))
            channels = out_channels
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)  # the identity for 32×32 pixels
        self.flatten = nn.Flatten()
        layers: OrderedDict[str, nn.Module] = OrderedDict()
        for number, units in enumerate(hidden, start=1):
            layers[f"fc{number}"] = nn.Linear(channels, units)
            layers[f"relu{number}"] = nn.ReLU(inplace=True)
            layers[f"dropout{number}"] = nn.Dropout(dropout)
            channels = units
        layers[f"fc{len(hidden) + 1}"] = nn.Linear(channels, num_classes)
        self.head = nn.Sequential(layers)
        for layer in self.modules():
            if isinstance(layer, nn.Conv2d):  # He et al., arXiv:1502.01852
                nn.init.kaiming_normal_(layer.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, images: Tensor) -> Tensor:
        features = self.stages(images)  # (B, 512, 1, 1) from 32×32 pixels
        logits: Tensor = self.head(self.flatten(self.pool(features)))  # (B, num_classes)
        return logits


def _stage(in_channels: int, out_channels: int, *, convolutions: int) -> nn.Sequential:
    layers: OrderedDict[str, nn.Module] = OrderedDict()
    for number in range(1, convolutions + 1):
        # BatchNorm would subtract a bias, but the published counts of parameters include biases.
        layers[f"conv{number}"] = nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1)
        layers[f"norm{number}"] = nn.BatchNorm2d(out_channels)
        layers[f"relu{number}"] = nn.ReLU(inplace=True)
        in_channels = out_channels
    layers["pool"] = nn.MaxPool2d(2, ceil_mode=True)
    return nn.Sequential(layers)


vgg11_bn = partial(VGG, convolutions=(1, 1, 2, 2, 2))
vgg13_bn = partial(VGG, convolutions=(2, 2, 2, 2, 2))
vgg16_bn = partial(VGG, convolutions=(2, 2, 3, 3, 3))
vgg19_bn = partial(VGG, convolutions=(2, 2, 4, 4, 4))

# The same with one linear layer behind the convolutions, as pytorch-cifar has them.
vgg11 = partial(vgg11_bn, hidden=())
vgg13 = partial(vgg13_bn, hidden=())
vgg16 = partial(vgg16_bn, hidden=())
vgg19 = partial(vgg19_bn, hidden=())
