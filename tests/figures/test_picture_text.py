"""Text on pictures of PIL."""

import warnings

import pytest
from PIL import Image, ImageDraw

from cifar_cli.figures.picture_text import fitting, font, write

PEN = ImageDraw.Draw(Image.new("RGB", (200, 20)))


def test_characters_that_the_font_lacks_are_told_once_each() -> None:
    with pytest.warns(UserWarning, match=r"^the pictures' font lacks 猫 犬, which are boxes in them$"):
        write(PEN, "猫犬 cat 猫", at=(0, 0), fill="black")


def test_the_letters_of_europe_signs_and_spaces_are_there() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        write(PEN, "Žluťoučký kůň, Größe, œuvre, птица 100 % · × – … Ω", at=(0, 0), fill="black")


@pytest.mark.parametrize("name", ["x", "a name of many letters " * 9, "\udcff.png", "漢字" * 40])
def test_a_name_is_cut_so_that_it_fits_with_its_end(name: str) -> None:
    line = fitting(name, " 50 % ?", width=104)
    assert font().getlength(line) <= 104
    assert line.endswith(" 50 % ?")
