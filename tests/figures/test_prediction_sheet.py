"""The contact sheet: its size follows the pictures."""

import torch

from cifar_cli.figures.prediction_sheet import SheetCell, draw_prediction_sheet


def cells(count: int) -> list[SheetCell]:
    return [SheetCell("a name of many letters " * 9, "class", 0.5, is_doubtful=n == 0) for n in range(count)]


def test_a_row_has_six_pictures_of_128_pixels() -> None:
    one, seven = (
        draw_prediction_sheet(cells(n), torch.zeros(n, 3, 32, 32, dtype=torch.uint8), title="", total=n) for n in (1, 7)
    )
    assert seven.shape[2] > 6 * 128
    assert seven.shape[1] - one.shape[1] == 128 + 2 * 16 + 4 + 10
