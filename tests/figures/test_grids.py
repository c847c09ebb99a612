"""Grids for TensorBoard: pixel values at known places."""

import torch

from cifar_cli.figures.grids import feature_grid, filter_grid

# The layout: a margin of 6, a caption and a line of names of 18 each, tiles near 64 pixels, gaps of 6.
TOP = 6 + 2 * 18
LEFT = 6


def test_a_row_holds_the_image_and_then_a_tile_per_channel() -> None:
    images = torch.zeros(2, 3, 32, 32, dtype=torch.uint8)
    images[0, 0] = 200  # the first image is red
    features = torch.zeros(2, 2, 16, 16)
    features[1, 0, 0, 0] = 1.0  # the highest value of channel 0: the upper left pixel of the second row's first tile
    grid = feature_grid(features, images=images)
    assert grid.dtype == torch.uint8
    assert grid.shape[0] == 3
    assert grid[:, TOP, LEFT].tolist() == [200, 0, 0]
    second_row, first_tile = TOP + 64 + 6, LEFT + 64 + 6
    assert grid[:, second_row, first_tile].tolist() == [255, 255, 255]
    assert (
        grid[0, second_row : second_row + 6, first_tile : first_tile + 6].tolist()
        == [[255] * 4 + [0] * 2] * 4 + [[0] * 6] * 2
    )  # one pixel of the map has become four by four
    assert grid[0, TOP + 64 + 3, first_tile] == 255  # the gap between the rows is white


def test_tiles_of_four_pixels_stay_visible_and_channels_are_limited() -> None:
    images = torch.zeros(1, 1, 28, 28)  # grey images, as in Fashion-MNIST
    first = torch.randn(1, 32, 4, 4)
    grid = feature_grid(torch.cat([first, torch.randn(1, 32, 4, 4)], dim=1), images=images)
    assert grid.shape[2] == 6 + 56 + 8 * (6 + 64) + 6  # eight channels in a line
    assert torch.equal(grid, feature_grid(torch.cat([first, torch.randn(1, 32, 4, 4)], dim=1), images=images))


def test_a_grid_of_few_tiles_is_as_wide_as_its_caption() -> None:
    one, two = (feature_grid(torch.zeros(1, n, 8, 8), images=torch.zeros(1, 3, 8, 8)) for n in (1, 2))
    assert abs(one.shape[2] - two.shape[2]) < 10
    assert one.shape[2] > 300
    assert one[:, :, -6:].eq(255).all()  # nothing is cut off


def test_a_vector_is_drawn_as_a_strip_beside_its_image() -> None:
    vectors = torch.zeros(1, 16)
    vectors[0, -1] = 1.0
    grid = feature_grid(vectors, images=torch.zeros(1, 3, 32, 32))
    middle, strip = TOP + 32, LEFT + 64 + 6
    assert grid[0, middle, strip + 32 * 15 - 1] == 0
    assert grid[0, middle, strip + 32 * 15 : strip + 32 * 16].eq(255).all()
    assert grid[0, middle, strip - 1] == 255


def test_first_layer_filters_are_colour_pictures_around_mid_grey() -> None:
    weight = torch.zeros(9, 3, 5, 5)
    weight[0, 0, 0, 0] = 0.3  # red
    grid = filter_grid(weight)
    top = 6 + 18
    assert grid[:, top, LEFT].tolist() == [255, 128, 128]
    assert grid[:, top + 49, LEFT + 49].tolist() == [128, 128, 128]
    assert grid[:, top + 50 + 6, LEFT].tolist() == [128, 128, 128]  # the ninth filter begins a second row


def test_deeper_filters_are_rows_of_a_grey_tile_per_input_channel() -> None:
    weight = torch.zeros(20, 32, 3, 3)
    weight[1, 2] = -1.0
    grid = filter_grid(weight)
    assert grid.shape == (3, TOP + 16 * (48 + 6), LEFT + 16 * (48 + 6))
    assert grid[0, TOP + 54, LEFT + 2 * 54] == 0
    assert grid[0, TOP, LEFT + 2 * 54] == 128
