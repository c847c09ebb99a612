"""The legend's pictures of filters, pixel by pixel."""

import torch
from torch import nn

from cifar_cli.analysis.capture import capture
from cifar_cli.figures.channel_legend import filter_pictures, filters_of


def test_kernels_of_a_deep_filter_are_set_three_by_three() -> None:
    weight = torch.zeros(2, 16, 2, 2)
    weight[0, 4] = 1.0  # the fifth kernel stands in the middle
    weight[0, 9] = -1.0  # the tenth is not shown
    picture = filter_pictures(weight, is_on_colours=False)
    assert picture.shape == (2, 1, 8, 8)
    grey, white = 128, 255
    line = [grey, grey, white, grey, grey, white, grey, grey]
    middle = [grey, grey, white, 255, 255, white, grey, grey]
    assert picture[0, 0].tolist() == [line, line, [white] * 8, middle, middle, [white] * 8, line, line]


def test_filters_on_colour_images_are_colour_pictures() -> None:
    assert filters_of(capture(nn.Sequential(nn.Conv2d(3, 4, 5)), torch.rand(1, 3, 8, 8), layer="0")).shape == (
        4,
        3,
        5,
        5,
    )


def test_filters_on_three_hidden_channels_are_not_mistaken_for_colours() -> None:
    model = nn.Sequential(nn.Conv2d(3, 3, 1), nn.Conv2d(3, 4, 5))
    hidden = capture(model, torch.rand(1, 3, 8, 8), layer="1")
    assert filters_of(hidden).shape == (4, 1, 5, 17)  # three places of 5 × 5 in a row
