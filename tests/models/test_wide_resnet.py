"""The wide residual networks: their blocks by the paper's formula, their layers, and dropout."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cifar_cli.models.wide_resnet import WideResidual, wide_resnet16_8, wide_resnet28_10


@pytest.mark.parametrize(
    ("build", "layers", "widths"), [(wide_resnet16_8, 16, [128, 256, 512]), (wide_resnet28_10, 28, [160, 320, 640])]
)
def test_a_name_says_how_many_layers_there_are_and_how_wide(build, layers: int, widths: list[int]) -> None:  # type: ignore[no-untyped-def]
    with torch.device("meta"):
        model = build(image_shape=(3, 32, 32), num_classes=10)
    # The paper counts the three convolutions of the shortcuts among the 28: 6n + 4 are 6n + 1, and those three.
    convolutions = [layer for layer in model.modules() if isinstance(layer, nn.Conv2d)]
    assert len(convolutions) == layers
    assert [stage[-1].conv2.out_channels for stage in model.stages] == widths


def test_a_block_is_the_papers() -> None:
    torch.manual_seed(0)
    block, images = WideResidual(4, 6, stride=2, dropout=0.0), torch.randn(5, 4, 8, 8)
    activated = F.batch_norm(images, None, None, training=True).clamp(min=0)
    hidden = F.conv2d(activated, block.conv1.weight, stride=2, padding=1)
    hidden = F.batch_norm(hidden, None, None, training=True).clamp(min=0)
    residual = F.conv2d(hidden, block.conv2.weight, padding=1)
    shortcut = F.conv2d(activated, block.shortcut.weight, stride=2)
    assert torch.allclose(block(images), residual + shortcut, atol=1e-5)


def test_dropout_stands_between_the_convolutions() -> None:
    torch.manual_seed(0)
    block, images = WideResidual(4, 4, stride=1, dropout=0.999999), torch.randn(5, 4, 8, 8)
    assert torch.equal(block(images), images)  # nothing reaches the second convolution
    block.dropout.eval()
    assert not torch.allclose(block(images), images)
