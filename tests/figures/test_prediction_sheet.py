"""The contact sheet: its size follows the pictures, and long names fit."""

import pytest
import torch

from cifar_cli.figures import prediction_sheet
from cifar_cli.figures.mosaic import font
from cifar_cli.figures.prediction_sheet import CELL_WIDTH, SheetCell, draw_prediction_sheet


def cells(count: int) -> list[SheetCell]:
    return [SheetCell("a name of many letters " * 9, "class", 0.5, is_doubtful=n == 0) for n in range(count)]


def test_a_row_has_six_pictures_of_128_pixels() -> None:
    one, seven = (
        draw_prediction_sheet(cells(n), torch.zeros(n, 3, 32, 32, dtype=torch.uint8), title="", total=n) for n in (1, 7)
    )
    assert seven.shape[2] > 6 * 128
    assert seven.shape[1] - one.shape[1] == 128 + 2 * 16 + 4 + 10


@pytest.mark.parametrize("name", ["x", "a name of many letters " * 9, "\udcff.png", "漢字" * 40])
def test_a_name_fits_beneath_its_picture(name: str) -> None:
    line = prediction_sheet._fitting(name, " 50 % ?", width=CELL_WIDTH)
    assert font().getlength(line) <= CELL_WIDTH
    assert line.endswith(" 50 % ?")
