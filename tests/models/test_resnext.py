"""ResNeXt: its blocks against torchvision's."""

from collections import OrderedDict
from collections.abc import Callable

import pytest
import torch
from torch import nn
from torchvision.models.resnet import Bottleneck

from cifar_cli.models.resnext import GroupedResidual


@pytest.mark.parametrize(("in_channels", "stride"), [(6, 1), (32, 2), (32, 1)])
def test_a_block_computes_what_torchvisions_computes(
    in_channels: int, stride: int, assert_same_function: Callable[..., None]
) -> None:
    shortcut = None
    if stride > 1 or in_channels != 32:
        conv = nn.Conv2d(in_channels, 32, kernel_size=1, stride=stride, bias=False)
        shortcut = nn.Sequential(OrderedDict(conv=conv, norm=nn.BatchNorm2d(32)))
    # In torchvision's words: 8 planes, of which each of 4 groups gets half, and four times as many channels behind.
    reference = Bottleneck(in_channels, 8, stride=stride, downsample=shortcut, groups=4, base_width=32)
    model = GroupedResidual(in_channels, 16, groups=4, stride=stride)
    assert_same_function(model, reference, torch.randn(2, in_channels, 9, 9))
