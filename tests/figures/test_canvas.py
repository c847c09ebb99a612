"""The page of the pictures: text that has to fit."""

from cifar_cli.figures.canvas import SMALLEST_SIZE, Canvas

LONG = "a class name that somebody has written"


def test_text_that_fits_stays_as_it_is() -> None:
    assert Canvas().fitted("cat", size=9, max_width=1.0) == ("cat", 9)


def test_text_is_made_smaller_and_then_shorter_until_it_fits() -> None:
    canvas = Canvas()
    text, size = canvas.fitted("automobile", size=10, bold=True, max_width=0.8)
    assert text == "automobile"
    assert SMALLEST_SIZE < size < 10
    text, size = canvas.fitted(LONG, size=10, bold=True, max_width=0.8)
    assert (size, text[-1]) == (SMALLEST_SIZE, "…")
    assert LONG.startswith(text[:-1])
    assert 0.6 < canvas.text_width(text, size=size, bold=True) <= 0.8


def test_a_text_of_one_wide_letter_ends() -> None:
    assert Canvas().fitted("W", size=40, max_width=0.01) == ("W", SMALLEST_SIZE)
