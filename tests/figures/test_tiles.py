"""Tiles worked by hand on tiny tensors."""

import pytest
import torch
from torch import Tensor

from cifar_cli.analysis.capture import as_maps
from cifar_cli.errors import UsageError
from cifar_cli.figures.tiles import (
    channel_tiles,
    filter_tiles,
    filter_tiles_over_time,
    fold_strips,
    tutorial_tiles,
    vector_tiles,
)


def test_each_channel_runs_from_black_to_white_over_all_images() -> None:
    features = torch.tensor([[[[0.0, 10.0]], [[-1.0, 0.0]]], [[[5.0, 2.0]], [[1.0, 1.0]]]])  # (2, 2, 1, 2)
    tiles = channel_tiles(features)
    assert tiles.low.tolist() == [0, -1]
    assert tiles.high.tolist() == [10, 1]
    # 5 of 0 … 10 is 127.5, which rounds to the even 128; 2 of 10 is 51; 0 of −1 … 1 is again 127.5
    assert tiles.pixels.tolist() == [[[[0, 255]], [[0, 128]]], [[[128, 51]], [[255, 255]]]]
    assert tiles.pixels.dtype == torch.uint8


def test_constant_and_broken_channels_are_black() -> None:
    nan, inf = torch.nan, torch.inf
    features = torch.tensor([[[[3.0, 3.0]], [[nan, inf]], [[nan, 4.0]], [[2.0, 6.0]]]])  # (1, 4, 1, 2)
    tiles = channel_tiles(features)
    assert tiles.pixels[0, :, 0].tolist() == [[0, 0], [0, 0], [0, 0], [0, 255]]
    assert tiles.low.tolist() == [3, 0, 4, 2]
    assert tiles.high.tolist() == [3, 0, 4, 6]


def test_half_precision_features_are_drawn_too() -> None:
    assert channel_tiles(torch.tensor([[[[0, 1]]]], dtype=torch.bfloat16)).pixels.tolist() == [[[[0, 255]]]]


def test_a_vector_is_read_row_by_row_and_filled_up_with_black() -> None:
    vectors = torch.arange(1.0, 41.0).expand(2, 40)  # 40 values: √320 is 17.9, so 32 to a row
    strip = vector_tiles(vectors).pixels
    assert strip.shape == (2, 1, 2, 32)
    assert strip[0, 0, 0, 0] == 0
    assert strip[0, 0, 1, 7] == 255
    assert strip[0, 0, 1, 8:].eq(0).all()


@pytest.mark.parametrize(("count", "columns"), [(1, 1), (10, 10), (32, 32), (64, 32), (1024, 128), (4096, 256)])
def test_strips_have_rows_of_a_power_of_two(count: int, columns: int) -> None:
    assert fold_strips(torch.zeros(1, count, dtype=torch.uint8), fill=0).shape[-1] == columns


@pytest.mark.parametrize(
    ("shape", "maps"),
    [
        ((2, 6, 4, 4), (2, 6, 4, 4)),
        ((2, 5, 7), (2, 1, 5, 7)),
        ((2, 10), None),
        ((2,), None),
        ((2, 64, 1, 1), None),
        ((2, 3, 4, 4, 4), None),
    ],
)
def test_maps_and_vectors_are_told_apart(shape: tuple[int, ...], maps: tuple[int, ...] | None) -> None:
    seen = as_maps(torch.zeros(shape))
    assert (seen if seen is None else tuple(seen.shape)) == maps


def test_the_tutorials_reshape_gives_two_pictures_of_three_neighbouring_channels() -> None:
    output = torch.randn(4, 6, 5, 5)
    pictures = tutorial_tiles(output)
    assert torch.equal(pictures, torch.reshape(output, (-1, 3, 5, 5)))
    assert torch.equal(pictures[3], output[1, 3:6])  # the second picture of the second image


@pytest.mark.parametrize("output", [torch.zeros(4, 32, 5, 5), torch.zeros(4, 6)])
def test_the_tutorials_reshape_needs_channels_in_threes(output: Tensor) -> None:
    with pytest.raises(UsageError) as caught:
        tutorial_tiles(output)
    assert str(caught.value) == (
        "the tutorial's reshape makes colour pictures of three channels each, so it needs feature maps with a "
        f"number of channels divisible by 3; this layer gives {tuple(output.shape)}. Leave --mode tutorial out for "
        "a tile per channel, or look at it with: cifar visualize-layer conv1 --config layers/conv1 --mode tutorial"
    )


def test_a_weight_of_zero_is_mid_grey_and_each_filter_has_its_own_scale() -> None:
    weight = torch.tensor([[[[0.0, 2.0, -2.0]]], [[[0.0, 0.05, -0.1]]], [[[0.0, 0.0, 0.0]]]])  # (3, 1, 1, 3)
    assert filter_tiles(weight)[:, 0, 0].tolist() == [[128, 255, 0], [128, 191, 0], [128, 128, 128]]


def test_over_time_each_filter_has_one_scale() -> None:
    weights = torch.tensor([[[[[1.0]]], [[[3.0]]]], [[[[-2.0]]], [[[3.0]]]]])  # 2 times, 2 filters of one weight
    # ±2 are the ends for the first filter: 1 is three quarters of the way, 191. The second filter never changes.
    assert filter_tiles_over_time(weights).flatten(1).tolist() == [[191, 255], [0, 255]]
    assert filter_tiles_over_time(torch.randn(4, 8, 3, 5, 2)).shape == (4, 8, 3, 5, 2)
