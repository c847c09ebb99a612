"""DenseNet against torchvision's with the first layer for small images, and the layers in its names."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torchvision.models import DenseNet as TorchvisionDenseNet

from cifar_cli.models.densenet import densenet121, densenet_bc_100_12


@pytest.mark.parametrize(("build", "layers"), [(densenet_bc_100_12, (16, 16, 16)), (densenet121, (6, 12, 24, 16))])
def test_it_computes_what_torchvisions_computes(
    build: Callable[..., nn.Module], layers: tuple[int, ...], assert_same_function: Callable[..., None]
) -> None:
    reference = TorchvisionDenseNet(growth_rate=12, block_config=layers, num_init_features=24, num_classes=10)
    reference.features.conv0 = nn.Conv2d(3, 24, kernel_size=3, padding=1, bias=False)
    for name in ("norm0", "relu0", "pool0"):
        setattr(reference.features, name, nn.Identity())
    assert_same_function(build(image_shape=(3, 32, 32), num_classes=10), reference, torch.randn(2, 3, 16, 16))


@pytest.mark.parametrize(("build", "layers"), [(densenet_bc_100_12, 100), (densenet121, 121)])
def test_a_name_says_how_many_layers_there_are(build: Callable[..., nn.Module], layers: int) -> None:
    with torch.device("meta"):
        model = build(image_shape=(3, 32, 32), num_classes=10)
    assert sum(isinstance(layer, nn.Conv2d | nn.Linear) for layer in model.modules()) == layers


def test_dropout_leaves_what_a_layer_reads_as_it_is() -> None:
    torch.manual_seed(0)
    model = densenet_bc_100_12(
        image_shape=(3, 32, 32), num_classes=10, block_layers=(1,), growth_rate=4, dropout=0.999999
    )
    images = torch.randn(2, 8, 4, 4)
    added = model.blocks.dense1(images)
    assert torch.equal(added[:, :8], images)
    assert not added[:, 8:].any()
