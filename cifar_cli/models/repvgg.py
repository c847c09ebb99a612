"""RepVGG: trained with three branches in each block, then re-parameterised into plain 3×3 convolutions.

Source: Ding et al., "RepVGG: Making VGG-style ConvNets Great Again", arXiv:2101.03697. As usual for CIFAR-10, the first
two strides, which halve large pictures, are 1 here.
"""

from collections import OrderedDict
from collections.abc import Mapping, Sequence
from copy import deepcopy
from typing import ClassVar

import torch
from torch import Tensor, nn
from torch.nn import functional as F

FIRST_CHANNELS = 64  # at most


class RepVGGBlock(nn.Module):
    """ReLU of the sum of a 3×3 and a 1×1 convolution and, where the shapes agree, the input, each with BatchNorm.

    Input (B, in_channels, H, W), output (B, out_channels, H / stride, W / stride), rounded up.
    """

    added: ClassVar[Mapping[str, str]] = {"norm_identity": "relu"}

    def __init__(self, in_channels: int, out_channels: int, *, stride: int) -> None:
        super().__init__()
        self.conv3x3 = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=stride, padding=1, bias=False)
        self.norm3x3 = nn.BatchNorm2d(out_channels)
        self.conv1x1 = nn.Conv2d(in_channels, out_channels, kernel_size=1, stride=stride, bias=False)
        self.norm1x1 = nn.BatchNorm2d(out_channels)
        has_identity = stride == 1 and in_channels == out_channels
        self.norm_identity = nn.BatchNorm2d(in_channels) if has_identity else None
        self.relu = nn.ReLU(inplace=True)

    def forward(self, images: Tensor) -> Tensor:
        features = self.norm3x3(self.conv3x3(images)) + self.norm1x1(self.conv1x1(images))
        if self.norm_identity is not None:
            features = features + self.norm_identity(images)
        activated: Tensor = self.relu(features)
        return activated

    @torch.no_grad()
    def reparameterised(self) -> nn.Sequential:
        """Returns one 3×3 convolution with ReLU that computes what the block does in eval mode."""
        filters, bias = _fused(self.conv3x3.weight, self.norm3x3)
        others = [(F.pad(self.conv1x1.weight, (1, 1, 1, 1)), self.norm1x1)]  # the middle of 3×3 filters
        if self.norm_identity is not None:
            others.append((nn.init.dirac_(torch.empty_like(filters)), self.norm_identity))
        for weight, norm in others:
            more_filters, more_bias = _fused(weight, norm)
            filters, bias = filters + more_filters, bias + more_bias
        out_channels, in_channels = filters.shape[:2]
        conv = nn.Conv2d(in_channels, out_channels, kernel_size=3, stride=self.conv3x3.stride[0], padding=1)
        conv.weight, conv.bias = nn.Parameter(filters), nn.Parameter(bias)
        return nn.Sequential(OrderedDict(conv=conv, relu=nn.ReLU(inplace=True)))


class RepVGG(nn.Module):
    """A block, a stage of blocks for each of `blocks`, the mean over the feature map, and Linear.

    Input: images (B, *image_shape); output: logits (B, num_classes). `width` is that of the first stage, later
    stages double it, and the last has `last_width`. Each stage but the first halves the feature map.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        blocks: Sequence[int] = (2, 4, 14, 1),
        width: int = 48,
        last_width: int = 1280,
    ) -> None:
        super().__init__()
        channels, stages = min(FIRST_CHANNELS, width), []
        self.stem: nn.Module = RepVGGBlock(image_shape[0], channels, stride=1)
        for number, count in enumerate(blocks):
            out_channels, stage = last_width if number == len(blocks) - 1 else width << number, []
            for index in range(count):
                stage.append(RepVGGBlock(channels, out_channels, stride=2 if number > 0 and index == 0 else 1))
                channels = out_channels
            stages.append(nn.Sequential(*stage))
        self.stages = nn.Sequential(*stages)
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(channels, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.stages(self.stem(images))  # (B, 1280, H / 8, W / 8)
        pooled = self.flatten(self.pool(features))  # (B, 1280)
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits

    def reparameterised(self) -> "RepVGG":
        """Returns a copy with one convolution for each block, which computes what this network does in eval mode."""
        plain = deepcopy(self)
        for parent in list(plain.modules()):
            for name, child in parent.named_children():
                if isinstance(child, RepVGGBlock):
                    setattr(parent, name, child.reparameterised())
        return plain.eval()


def _fused(filters: Tensor, norm: nn.BatchNorm2d) -> tuple[Tensor, Tensor]:
    """Returns the filters and the bias of a convolution that computes the filters' convolution and then the norm."""
    assert norm.running_mean is not None
    assert norm.running_var is not None
    scale = norm.weight / (norm.running_var + norm.eps).sqrt()
    return filters * scale.view(-1, 1, 1, 1), norm.bias - norm.running_mean * scale
