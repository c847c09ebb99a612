"""Tiles cut out of TensorBoard's pictures are the tiles that were put in."""

import pytest
import torch

from cifar_cli.figures.grid_cuts import cut_feature_grid, cut_filter_grid
from cifar_cli.figures.grids import feature_grid, filter_grid
from cifar_cli.figures.tiles import channel_tiles, filter_tiles, vector_tiles


@pytest.mark.parametrize("shape", [(4, 32, 16, 16), (2, 3, 30, 30), (1, 40, 7, 5), (3, 9, 80, 80)])
def test_maps_come_out_as_they_went_in(shape: tuple[int, ...]) -> None:
    torch.manual_seed(0)
    features, images = torch.randn(shape), torch.rand(shape[0], 3, 32, 32)
    picture = feature_grid(features, images=images)
    cut = cut_feature_grid(picture, features=torch.zeros(shape), images=torch.zeros_like(images))
    assert cut is not None
    assert torch.equal(cut, channel_tiles(features[:, :32]).pixels)


@pytest.mark.parametrize("count", [10, 64, 1024])
def test_vectors_come_out_as_they_went_in(count: int) -> None:
    vectors, images = torch.randn(3, count), torch.rand(3, 1, 28, 28)
    cut = cut_feature_grid(feature_grid(vectors, images=images), features=vectors, images=images)
    assert cut is not None
    assert torch.equal(cut, vector_tiles(vectors).pixels)


@pytest.mark.parametrize("channels", [1, 3])
def test_filters_come_out_as_they_went_in(channels: int) -> None:
    weight = torch.randn(20, channels, 5, 5)
    cut = cut_filter_grid(filter_grid(weight), weight=torch.zeros_like(weight))
    assert cut is not None
    assert torch.equal(cut, filter_tiles(weight).expand(-1, 3, -1, -1))


def test_a_picture_of_another_size_is_not_cut() -> None:
    images = torch.rand(2, 3, 8, 8)
    picture = feature_grid(torch.rand(2, 4, 8, 8), images=images)
    assert cut_feature_grid(picture, features=torch.rand(2, 12, 8, 8), images=images) is None
    assert cut_filter_grid(picture, weight=torch.rand(4, 3, 3, 3)) is None
