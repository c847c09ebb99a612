"""Counts and sizes as a person reads them, against numbers worked by hand."""

import pytest

from cifar_cli import formatting


@pytest.mark.parametrize(
    ("count", "text"),
    [
        (0, "·"),
        (999, "999"),
        (1280, "1.28 k"),
        (4_915_200, "4.92 M"),
        (24_710_000, "24.7 M"),
        (1_184_530_432, "1.18 G"),
    ],
)
def test_amounts_have_three_digits(count: int, text: str) -> None:
    assert formatting.si(count) == text


@pytest.mark.parametrize(
    ("count", "text"),
    [(0, "·"), (40, "40 B"), (4096, "4 KiB"), (131_072, "128 KiB"), (1536, "1.5 KiB"), (3 * 2**29, "1.5 GiB")],
)
def test_memory_is_counted_in_powers_of_1024(count: int, text: str) -> None:
    assert formatting.binary_bytes(count) == text


@pytest.mark.parametrize(
    ("numbers", "count"), [([12.0, 0.001], 4), ([0.84, None], 4), ([0.05], 5), ([-0.00039], 7), ([0.0], 4), ([], 4)]
)
def test_small_numbers_get_more_decimals(numbers: list[float | None], count: int) -> None:
    assert formatting.decimals(numbers, significant=4) == count


def test_numbers_have_a_real_minus_and_zero_has_none() -> None:
    assert [
        formatting.signed(-0.25),
        formatting.signed(-0.00001),
        formatting.signed(None),
        formatting.signed(float("-inf")),
    ] == ["−0.2500", "0.0000", "–", "−∞"]
    assert [formatting.percent(0.5), formatting.percent(0.0123)] == ["50 %", "1.2 %"]
    assert [formatting.position((3, 4, 5)), formatting.position((7,))] == ["channel 3, row 4, column 5", "number 7"]


def test_a_range_has_real_minus_signs_and_few_digits() -> None:
    assert formatting.value_range(-0.12345, 7) == "−0.123 … 7"
    assert formatting.value_range(-0.12345, 7, digits=2) == "−0.12 … 7"


def test_percent_has_the_decimals_that_are_asked_for() -> None:
    assert formatting.percent(0.1234) == "12 %"
    assert formatting.percent(0.1234, decimals=2) == "12.34 %"
    assert formatting.percent(0.5, decimals=0) == "50 %"


def test_a_short_time_has_three_digits_and_is_in_seconds_from_a_second_on() -> None:
    assert formatting.duration(0.0123456) == "12.3 ms"
    assert (formatting.duration(0.9994), formatting.duration(0.9996)) == ("999 ms", "1 s")
    assert formatting.duration(27.3456) == "27.3 s"


@pytest.mark.parametrize(
    ("fraction", "uncertainty", "shown"),
    [
        (0.939742, 0.00062, "93.97 % ± 0.06"),
        (0.939742, 0.00013, "93.974 % ± 0.013"),  # ± 0.01 would round away a quarter of it
        (0.5049, 0.042, "50 % ± 4"),
        (0.9, 0.0096, "90.0 % ± 1.0"),
        (0.93, 0.21, "93 % ± 21"),
        (0.939742, 0.0, "93.97 %"),
        (0.939742, None, "93.97 %"),
    ],
)
def test_a_percentage_has_the_digits_that_its_uncertainty_allows(
    fraction: float, uncertainty: float | None, shown: str
) -> None:
    assert formatting.percent_with_uncertainty(fraction, uncertainty) == shown


@pytest.mark.parametrize(
    ("quantity", "text"), [(0, "0 epochs"), (1, "1 epoch"), (2, "2 epochs"), (5000, "5,000 epochs")]
)
def test_one_of_a_thing_is_singular(quantity: int, text: str) -> None:
    assert formatting.count(quantity, "epoch") == text


def test_a_noun_in_s_has_its_plural_in_es() -> None:
    assert [formatting.count(quantity, "class") for quantity in (1, 2)] == ["1 class", "2 classes"]


@pytest.mark.parametrize(("fraction", "text"), [(0.05, "+5.0 %"), (-0.031, "−3.1 %"), (1.5, "+150.0 %")])
def test_a_change_in_percent_has_a_sign(fraction: float, text: str) -> None:
    assert formatting.signed_percent(fraction) == text
