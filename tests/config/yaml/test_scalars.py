"""The values of unquoted words, where YAML 1.2 and PyYAML differ."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

import math

import pytest

from cifar_cli.config.yaml.scalars import MAX_DIGITS, read_scalar


@pytest.mark.parametrize(
    ("word", "value"),
    [
        ("1e-3", 0.001), ("1.", 1.0), (".5", 0.5), ("1e5", 1e5), ("-1.5E+3", -1500.0), ("5.0e-4", 0.0005), ("+.5e1", 5.0),
        ("0", 0), ("010", 10), ("-7", -7), ("+3", 3),
        ("true", True), ("True", True), ("TRUE", True), ("false", False), ("FALSE", False),
        ("", None), ("~", None), ("null", None), ("NULL", None),
        ("on", "on"), ("off", "off"), ("yes", "yes"), ("no", "no"), ("y", "y"), ("tRUE", "tRUE"),
        ("1:30", "1:30"), ("2024-01-01", "2024-01-01"), ("1_000", "1_000"), ("0x10", "0x10"), ("1e", "1e"), (".", "."),
        ("-.5", -0.5), ("1.e5", 1e5), ("-0", 0), ("1e05", 1e5), ("False", False), ("Null", None),
        ("nULL", "nULL"), ("fALSE", "fALSE"), ("-", "-"), ("+", "+"), ("1e+", "1e+"), (".e5", ".e5"), ("--1", "--1"),
        ("1 2", "1 2"), ("1\n", "1\n"), ("-.nan", "-.nan"), (".iNF", ".iNF"), (".nAN", ".nAN"), ("..inf", "..inf"), ("true ", "true "),
        ("e5", "e5"), ("1.2.3", "1.2.3"), ("inf", "inf"), ("nan", "nan"), ("١", "١"),
    ],
)  # fmt: skip
def test_an_unquoted_word_has_its_value_by_yaml_1_2(word: str, value: object) -> None:
    read = read_scalar(word)
    assert read == value
    assert type(read) is type(value)


def test_infinities_and_not_a_number_are_numbers() -> None:
    assert read_scalar(".inf") == math.inf
    assert read_scalar("-.INF") == -math.inf
    assert read_scalar("+.Inf") == math.inf
    for word in (".nan", ".NaN", ".NAN"):
        number = read_scalar(word)
        assert isinstance(number, float)
        assert math.isnan(number)


def test_an_endless_number_is_refused_at_once() -> None:
    with pytest.raises(ValueError, match="a number of 5000 characters"):
        read_scalar("9" * 5000)
    assert read_scalar("9" * MAX_DIGITS) == 10**300 - 1
    for word in ("9" * 301, "0." + "0" * 299, "-" + "1" * 300):
        with pytest.raises(ValueError, match="a number of 301 characters"):
            read_scalar(word)
    assert read_scalar("x" * 301) == "x" * 301
