"""The network of the fastest known CIFAR-10 trainings: a whitening layer and three groups of 3×3 convolutions.

The initialization is in models/init.py, the training in the configuration speedrun94.
"""

from collections.abc import Callable, Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor, nn

ACTIVATIONS: Mapping[str, Callable[[], nn.Module]] = {"gelu": nn.GELU, "silu": nn.SiLU, "relu": nn.ReLU}


class ConvGroup(nn.Module):
    """`depth` 3×3 convolutions, each with BatchNorm and activation; a pooling after the first halves the feature map.

    Input (B, in_channels, H, W), output (B, out_channels, H // 2, W // 2). With a depth of 3, the first activation is
    added to the third normalized output, before its activation (He et al., arXiv:1512.03385).
    """

    pooled: ClassVar[Mapping[str, int]] = {"conv1": 2}  # the pooling drops the last row of an odd side

    activated: ClassVar[Mapping[str, str]] = {"norm1": "act1", "norm2": "act2"}
    added: ClassVar[Mapping[str, str]] = {"norm3": "act3"}

    def __init__(self, in_channels: int, out_channels: int, *, depth: int, activation: str) -> None:
        super().__init__()
        self.conv1 = _convolution(in_channels, out_channels)
        self.pool = nn.MaxPool2d(2)
        self.norm1 = _norm(out_channels)
        self.act1 = ACTIVATIONS[activation]()
        self.conv2 = _convolution(out_channels, out_channels)
        self.norm2 = _norm(out_channels)
        self.act2 = ACTIVATIONS[activation]()
        self.has_residual = depth == 3
        if self.has_residual:
            self.conv3 = _convolution(out_channels, out_channels)
            self.norm3 = _norm(out_channels)
            self.act3 = ACTIVATIONS[activation]()

    def forward(self, images: Tensor) -> Tensor:
        first: Tensor = self.act1(self.norm1(self.pool(self.conv1(images))))  # (B, out_channels, H/2, W/2)
        features: Tensor = self.act2(self.norm2(self.conv2(first)))
        if self.has_residual:
            features = self.act3(self.norm3(self.conv3(features)) + first)
        return features


class GlobalMaxPool(nn.AdaptiveMaxPool2d):
    """The maximum over each map, (B, C, H, W) → (B, C, 1, 1), faster than torch's pooling on a GPU."""

    def __init__(self) -> None:
        super().__init__(1)

    def forward(self, images: Tensor) -> Tensor:
        if torch.onnx.is_in_onnx_export():  # the same numbers; not every onnxscript has a translation of the pooling
            return images.amax(dim=(2, 3), keepdim=True)
        return maximum_over_maps(images) if images.is_cuda else super().forward(images)


def maximum_over_maps(images: Tensor) -> Tensor:
    """Returns the maximum over each map, (B, C, H, W) → (B, C, 1, 1); of equal values, the first gets the gradient.

    Faster than torch's pooling on a GPU, slower on a CPU. Measured: docs/experiments/hardware.md.
    """
    return images.flatten(2).max(dim=2).values[..., None, None]


class SpeedNet(nn.Module):
    """A 2×2 whitening convolution, a group for each of `widths`, the maximum over the feature map, a linear layer.

    Input: images (B, *image_shape) with sides of 2^groups + 1 pixels or more; output: logits (B, num_classes) times
    `logit_scale`. The first layer has two filters for each value of a 2×2 patch: each whitening direction and its
    negative. Source: Keller Jordan, "94% on CIFAR-10 in 3.29 Seconds on a Single GPU", arXiv:2404.00498, which trains
    neither the filters of the first layer nor the scales of the BatchNorms.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        widths: Sequence[int] = (64, 256, 256),
        depth: int = 2,
        activation: str = "gelu",
        logit_scale: float = 1 / 9,
    ) -> None:
        super().__init__()
        whitened = 2 * image_shape[0] * 2 * 2
        self.whiten = nn.Conv2d(image_shape[0], whitened, kernel_size=2)
        self.act = ACTIVATIONS[activation]()
        channels = [whitened, *widths]
        self.groups = nn.Sequential(
            *(ConvGroup(channels[i], channels[i + 1], depth=depth, activation=activation) for i in range(len(widths)))
        )
        self.pool = GlobalMaxPool()
        self.flatten = nn.Flatten()
        self.head = nn.Linear(channels[-1], num_classes, bias=False)
        self.logit_scale = logit_scale

    def forward(self, images: Tensor) -> Tensor:
        features = self.act(self.whiten(images))  # (B, 24, H - 1, W - 1)
        features = self.groups(features)  # (B, widths[-1], 3, 3) from 32×32 pixels
        pooled = self.flatten(self.pool(features))  # (B, widths[-1])
        logits: Tensor = self.head(pooled) * self.logit_scale  # (B, num_classes)
        return logits


def _convolution(in_channels: int, out_channels: int) -> nn.Conv2d:
    return nn.Conv2d(in_channels, out_channels, kernel_size=3, padding=1, bias=False)


def _norm(channels: int) -> nn.BatchNorm2d:
    # The weights change fast: with a momentum of 0.4, six steps replace 95% of the running averages.
    return nn.BatchNorm2d(channels, eps=1e-12, momentum=0.4)
