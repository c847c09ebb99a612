"""VGG against torchvision's with the linear layers for small images, and on other sizes of images."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
import torchvision
from torch import nn

from cifar_cli.models import vgg


@pytest.mark.parametrize("name", ["vgg11_bn", "vgg16_bn"])
def test_it_computes_what_torchvisions_computes(name: str, assert_same_function: Callable[..., None]) -> None:
    with torch.device("meta"):  # its linear layers are far too large
        reference: Any = getattr(torchvision.models, name)(num_classes=10)
    reference.avgpool = nn.AdaptiveAvgPool2d(1)
    reference.classifier = nn.Sequential(
        *(
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(512, 512),
            nn.ReLU(),
            nn.Dropout(),
            nn.Linear(512, 10),
        )
    )
    reference.features.to_empty(device="cpu")
    for layer in reference.features:
        if isinstance(layer, nn.Conv2d):
            nn.init.kaiming_normal_(layer.weight)
            nn.init.normal_(layer.bias, std=0.1)
    model = getattr(vgg, name)(image_shape=(3, 32, 32), num_classes=10)
    assert_same_function(model, reference, torch.randn(2, 3, 32, 32))


@pytest.mark.parametrize(("side", "maps"), [(32, [16, 8, 4, 2, 1]), (28, [14, 7, 4, 2, 1]), (64, [32, 16, 8, 4, 2])])
def test_five_poolings_leave_a_pixel_of_28_too(side: int, maps: list[int]) -> None:
    model = vgg.vgg11_bn(image_shape=(1, side, side), num_classes=10, width=2)
    features, sides = torch.randn(2, 1, side, side), []
    for stage in model.stages:
        features = stage(features)
        sides.append(features.shape[-1])
    assert sides == maps


def test_without_hidden_layers_one_linear_layer_follows_the_convolutions() -> None:
    with torch.device("meta"):
        model = vgg.vgg16(image_shape=(3, 32, 32), num_classes=10)
    assert [(layer.in_features, layer.out_features) for layer in model.modules() if isinstance(layer, nn.Linear)] == [
        (512, 10)
    ]
