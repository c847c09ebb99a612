"""The residual networks: published parameter counts, torchvision's block, and the paper's shortcut by hand."""

import pytest
import torch
from torch import nn
from torchvision.models.resnet import BasicBlock

from cifar_cli.models.resnet import PaddedShortcut, ResidualBlock
from cifar_cli.models.table import MODELS
from cifar_cli.section import load_target


@pytest.mark.parametrize(
    ("name", "shortcut", "count"),
    [
        # As counted in chenyaofo/pytorch-cifar-models, which projects.
        ("resnet20", "projection", 272_474),
        ("resnet32", "projection", 466_906),
        ("resnet44", "projection", 661_338),
        ("resnet56", "projection", 855_770),
        # He et al., arXiv:1512.03385, table 6, to the digits printed there: 0.27 M, 0.46 M, 0.66 M, 0.85 M, 1.7 M.
        ("resnet20", "padding", 269_722),
        ("resnet32", "padding", 464_154),
        ("resnet44", "padding", 658_586),
        ("resnet56", "padding", 853_018),
        ("resnet110", "padding", 1_727_962),
    ],
)
def test_it_has_as_many_parameters_as_published(name: str, shortcut: str, count: int) -> None:
    with torch.device("meta"):
        network = load_target(MODELS[name].target)(image_shape=(3, 32, 32), num_classes=10, shortcut=shortcut)
    assert sum(parameter.numel() for parameter in network.parameters()) == count


@pytest.mark.parametrize(("in_channels", "out_channels", "stride"), [(4, 4, 1), (4, 8, 2)])
def test_a_block_is_that_of_torchvision(in_channels: int, out_channels: int, stride: int) -> None:
    changes_shape = stride > 1
    downsample = (
        nn.Sequential(nn.Conv2d(in_channels, out_channels, 1, stride, bias=False), nn.BatchNorm2d(out_channels))
        if changes_shape
        else None
    )
    theirs = BasicBlock(in_channels, out_channels, stride, downsample)
    ours = ResidualBlock(in_channels, out_channels, stride=stride, shortcut="projection")
    ours.load_state_dict(dict(zip(ours.state_dict(), theirs.state_dict().values(), strict=True)))
    images = torch.randn(3, in_channels, 7, 7, generator=torch.Generator().manual_seed(0))
    torch.testing.assert_close(ours(images), theirs(images))


def test_the_padded_shortcut_takes_every_second_pixel_and_adds_channels_of_zeros_on_both_sides() -> None:
    image = torch.arange(9.0).view(1, 1, 3, 3)
    widened = PaddedShortcut(1, 4, stride=2)(image)
    assert widened.tolist() == [[[[0, 0], [0, 0]], [[0, 2], [6, 8]], [[0, 0], [0, 0]], [[0, 0], [0, 0]]]]


def test_an_image_of_32_pixels_ends_as_64_maps_of_8_by_8() -> None:
    network = load_target(MODELS["resnet20"].target)(image_shape=(3, 32, 32), num_classes=10)
    features: dict[str, tuple[int, ...]] = {}
    network.pool.register_forward_hook(lambda _, inputs, output: features.update(pool=tuple(inputs[0].shape)))
    assert network(torch.zeros(2, 3, 32, 32)).shape == (2, 10)
    assert features["pool"] == (2, 64, 8, 8)
