"""Bars and tables of predictions."""

import pytest
import torch

from cifar_cli.console.prediction_tables import ShownPrediction, bar, print_predictions


@pytest.mark.parametrize(
    ("fraction", "encoding", "expected"),
    [
        (0.0, "utf-8", ""),
        (0.5, "utf-8", "█████"),
        (0.5625, "utf-8", "█████▋"),  # 5 and 5/8
        (1.0, "utf-8", "██████████"),
        (0.46, "ascii", "#####"),
    ],
)
def test_a_bar_is_as_long_as_its_fraction(fraction: float, encoding: str, expected: str) -> None:
    assert bar(fraction, columns=10, encoding=encoding) == expected


def shown(count: int, *, is_doubtful: bool = False) -> list[ShownPrediction]:
    pixels = torch.zeros(3, 4, 4, dtype=torch.uint8)
    return [ShownPrediction(f"[{n}].png", [("cat", 0.75), ("dog", 0.25)], pixels, is_doubtful) for n in range(count)]


def test_a_few_pictures_have_bars(capsys: pytest.CaptureFixture[str]) -> None:
    print_predictions(shown(2, is_doubtful=True), doubt="it is below 40 %")
    out = capsys.readouterr().out.splitlines()
    assert out[:6] == [
        "[0].png",
        "  cat   75.0 %  ██████████████████████▌",
        "  dog   25.0 %  ███████▌",
        "  unlike its training images? it is below 40 %",
        "",
        "[1].png",
    ]


def test_many_pictures_have_a_line_each(capsys: pytest.CaptureFixture[str]) -> None:
    print_predictions(shown(30, is_doubtful=True), doubt="it is below 40 %")
    out = capsys.readouterr().out
    assert out.count("dog 25.0 %") == 30
    assert out.count("75.0 % ?") == 30
    assert out.rstrip().endswith("?: it is below 40 %")
