"""resnet18, 34 and 50 against torchvision's, whose first layers are replaced as usual for small images."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock, Bottleneck, ResNet

from cifar_cli.models import resnet18


@pytest.mark.parametrize(
    ("build", "block", "blocks"),
    [
        (resnet18.resnet18, BasicBlock, (2, 2, 2, 2)),
        (resnet18.resnet34, BasicBlock, (1, 3)),
        (resnet18.resnet50, Bottleneck, (2, 1)),
    ],
)
def test_it_computes_what_torchvisions_computes(
    build: Callable[..., nn.Module], block: Any, blocks: tuple[int, ...], assert_same_function: Callable[..., None]
) -> None:
    reference: Any = ResNet(block, [*blocks, 1, 1][:4], num_classes=10)
    reference.conv1 = nn.Conv2d(3, 64, kernel_size=3, padding=1, bias=False)
    reference.maxpool = nn.Identity()
    for number in range(len(blocks), 4):
        setattr(reference, f"layer{number + 1}", nn.Identity())
        reference.fc = nn.Linear(64 * block.expansion << (len(blocks) - 1), 10)
    # In torchvision's blocks too, the shortcut stands behind the convolutions.
    assert_same_function(
        build(image_shape=(3, 32, 32), num_classes=10, blocks=blocks), reference, torch.randn(2, 3, 9, 9)
    )


def test_each_stage_doubles_the_channels_and_all_but_the_first_halve_the_map() -> None:
    model = resnet18.resnet18(image_shape=(1, 28, 28), num_classes=10, width=4, blocks=(1, 2, 1))
    features, shapes = model.relu1(model.norm1(model.conv1(torch.randn(2, 1, 28, 28)))), []
    for stage in model.stages:
        features = stage(features)
        shapes.append(tuple(features.shape[1:]))
    assert shapes == [(4, 28, 28), (8, 14, 14), (16, 7, 7)]
