"""MobileNetV2 against torchvision's with the strides for small images."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from cifar_cli.models.mobilenet_v2 import MobileNetV2

# torchvision's setting, but that the second stage keeps the map's size.
STAGES = [[1, 16, 1, 1], [6, 24, 2, 1], [6, 32, 3, 2], [6, 64, 4, 2], [6, 96, 3, 1], [6, 160, 3, 2], [6, 320, 1, 1]]


@pytest.mark.parametrize("width_factor", [1.0, 0.35, 1.4])
def test_it_computes_what_torchvisions_computes(width_factor: float, assert_same_function: Callable[..., None]) -> None:
    reference = torchvision.models.MobileNetV2(
        num_classes=10, width_mult=width_factor, inverted_residual_setting=STAGES
    )
    reference.features[0][0].stride = (1, 1)
    model = MobileNetV2(image_shape=(3, 32, 32), num_classes=10, width_factor=width_factor)
    assert_same_function(model, reference, torch.randn(2, 3, 16, 16))


def test_dropout_stands_before_the_last_layer() -> None:
    model = MobileNetV2(image_shape=(3, 32, 32), num_classes=10, blocks=(1,), width_factor=0.25, dropout=0.999999)
    model.eval()
    model.dropout.train()
    assert torch.equal(model(torch.randn(2, 3, 8, 8)), model.fc.bias.expand(2, -1))
    assert isinstance(model.last[2], nn.ReLU6)
