"""Colours: what zero, the largest and the smallest value look like, against matplotlib's own tables."""

import matplotlib
import torch

from cifar_cli.figures.colours import cell_colours, colour_strips, colour_tiles, heat_colours, signed_gradient


def colour(name: str, place: int) -> list[int]:
    return [int(channel) for channel in matplotlib.colormaps[name](place, bytes=True)[:3]]


def test_values_with_a_sign_are_blue_white_and_red_around_zero() -> None:
    tiles = colour_tiles(torch.tensor([[[[-1.0, 0.0, 4.0, -4.0]]]]))
    assert tiles.is_signed
    pixels = tiles.pixels[0, 0, :, 0].T.tolist()  # four places, each red, green, blue
    assert pixels[1] == colour("RdBu_r", 128)
    assert min(pixels[1]) > 240  # zero is as good as white, though the values are not even around it
    assert pixels[2] == colour("RdBu_r", 255)
    assert pixels[3] == colour("RdBu_r", 0)
    assert pixels[0][2] > pixels[0][0] > 150  # a little blue
    assert (tiles.low.item(), tiles.high.item()) == (-4.0, 4.0)


def test_values_without_a_sign_go_from_dark_to_bright_in_viridis() -> None:
    tiles = colour_tiles(torch.tensor([[[[2.0, 3.0, 4.0]]]]))
    assert not tiles.is_signed
    expected = [colour("viridis", place) for place in (0, 128, 255)]
    assert tiles.pixels[0, 0, :, 0].T.tolist() == expected


def test_each_channel_has_its_own_scale_or_all_share_one() -> None:
    features = torch.tensor([[[[0.0, 1.0]], [[0.0, 10.0]]]])
    own, shared = colour_tiles(features), colour_tiles(features, is_scale_shared=True)
    bright = colour("viridis", 255)
    assert own.pixels[0, 0, :, 0, 1].tolist() == own.pixels[0, 1, :, 0, 1].tolist() == bright
    assert shared.pixels[0, 0, :, 0, 1].tolist() == colour("viridis", 26)  # a tenth of 255, rounded
    assert shared.high.tolist() == [10.0, 10.0]


def test_a_value_that_is_not_finite_is_drawn_as_the_lowest_and_a_constant_is_dark() -> None:
    tiles = colour_tiles(torch.tensor([[[[torch.nan, 1.0, torch.inf]], [[5.0, 5.0, 5.0]]]]))
    dark = colour("viridis", 0)
    assert tiles.pixels[0, 0, :, 0, 0].tolist() == tiles.pixels[0, 1, :, 0, 2].tolist() == dark
    assert colour_tiles(torch.full((1, 1, 1, 1), torch.nan)).pixels.flatten().tolist() == dark


def test_strips_are_read_row_by_row_and_end_in_white() -> None:
    strips = colour_strips(torch.arange(33.0)[None])
    assert strips.pixels.shape == (1, 1, 3, 2, 32)
    assert strips.pixels[0, 0, :, 1, 0].tolist() == colour("viridis", 255)
    assert strips.pixels[0, 0, :, 1, 1].tolist() == [255, 255, 255]


def test_heat_goes_from_dark_to_bright() -> None:
    pixels = heat_colours(torch.tensor([[[0.0, 1.0]]]))
    assert pixels[0, :, 0].T.tolist() == [colour("viridis", 0), colour("viridis", 255)]


def test_a_matrix_of_numbers_has_the_colours_of_signed_tiles() -> None:
    numbers = torch.tensor([[-4.0, -1.0, 0.0, 1.0, 4.0]])
    tiles = colour_tiles(numbers[None, None]).pixels[0, 0, :, 0].T.tolist()
    (cells,) = cell_colours(numbers)
    assert [cell.fill for cell in cells] == ["#{:02x}{:02x}{:02x}".format(*tile) for tile in tiles]
    assert [cell.text for cell in cells] == ["#ffffff", "#222222", "#222222", "#222222", "#ffffff"]
    assert [signed_gradient()[0], signed_gradient()[-1]] == [cells[0].fill, cells[-1].fill]


def test_the_padding_of_a_maximum_is_white_and_leaves_the_scale_alone() -> None:
    (cells,) = cell_colours(torch.tensor([[-torch.inf, 2.0]]))
    assert [cell.fill for cell in cells] == [
        "#{:02x}{:02x}{:02x}".format(*colour("RdBu_r", place)) for place in (128, 255)
    ]


def test_text_on_every_signed_colour_can_be_read() -> None:
    def luminance(hexadecimal: str) -> float:  # WCAG 2.2, relative luminance
        parts = [int(hexadecimal[at : at + 2], 16) / 255 for at in (1, 3, 5)]
        red, green, blue = (p / 12.92 if p <= 0.04045 else ((p + 0.055) / 1.055) ** 2.4 for p in parts)
        return 0.2126 * red + 0.7152 * green + 0.0722 * blue

    for cell in cell_colours(torch.linspace(-1, 1, 256)[None])[0]:
        dark, light = sorted((luminance(cell.fill), luminance(cell.text)))
        assert (light + 0.05) / (dark + 0.05) >= 3.8
