"""A picture in a terminal: its colours, and the terminals that get none."""

import io

import pytest
import torch
from rich.console import Console

from cifar_cli.console.half_blocks import can_show_pictures, half_blocks


def test_the_upper_pixel_is_the_colour_and_the_lower_one_the_background() -> None:
    red, blue = torch.tensor([255, 0, 0]), torch.tensor([0, 0, 255])
    pixels = torch.stack([red, blue], dim=1)[:, :, None].expand(3, 2, 2).to(torch.uint8)
    console = Console(file=io.StringIO(), force_terminal=True, color_system="truecolor", width=10)
    console.print(half_blocks(pixels, columns=2), end="")
    assert isinstance(console.file, io.StringIO)
    assert console.file.getvalue() == "\x1b[38;2;255;0;0;48;2;0;0;255m▀\x1b[0m" * 2


def test_a_grey_picture_is_shown_by_the_means_of_its_parts() -> None:
    pixels = torch.tensor([[0, 100], [200, 100]], dtype=torch.uint8).repeat_interleave(2, 0).repeat_interleave(2, 1)
    (first, second) = half_blocks(pixels[None], columns=2).spans
    assert "rgb(0,0,0) on rgb(200,200,200)" in str(first.style).replace("#000000", "rgb(0,0,0)").replace(
        "#c8c8c8", "rgb(200,200,200)"
    )
    assert str(second.style).count("#646464") == 2


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        ({"color_system": "truecolor"}, True),
        ({"color_system": "256"}, True),
        ({"color_system": "standard"}, False),
        ({"color_system": "truecolor", "no_color": True}, False),
        ({"color_system": "truecolor", "force_terminal": False}, False),
    ],
)
def test_only_terminals_with_many_colours_show_pictures(options: dict[str, object], expected: bool) -> None:
    console = Console(**{"file": io.StringIO(), "force_terminal": True, **options})  # type: ignore[arg-type]
    assert can_show_pictures(console) == expected


def test_an_encoding_without_the_character_shows_none() -> None:
    file = io.TextIOWrapper(io.BytesIO(), encoding="latin-1")
    assert not can_show_pictures(Console(file=file, force_terminal=True, color_system="truecolor"))
