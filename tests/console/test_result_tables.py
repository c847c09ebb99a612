"""Texts of the tables that a training ends with."""

import pytest

from cifar_cli.console.result_tables import describe_compile_time, describe_seconds, describe_training_time


def test_the_training_time_names_the_first_step_if_it_is_timed_too() -> None:
    assert describe_training_time({"train_seconds": 3.94}) == "3.94 s of training"
    summary = {"mean_train_seconds": 13.94, "mean_warm_up_seconds": 1.36}
    assert describe_training_time(summary, "mean_") == "13.9 s of training (1.36 s of it the first step)"


def test_the_time_of_compiling_is_named_if_it_is_no_training() -> None:
    assert describe_compile_time({"train_seconds": 3.94}) == ""
    assert describe_compile_time({"compile_seconds": 0.918}) == ", 0.92 s of compiling"
    assert describe_compile_time({"mean_compile_seconds": 41.0}, "mean_") == ", 41.0 s of compiling"


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0.0, "0.00 s"),
        (1.583, "1.58 s"),
        (9.994, "9.99 s"),
        (9.996, "10.0 s"),
        (224.96, "225.0 s"),
        (None, "unknown time"),
    ],
)
def test_seconds_have_hundredths_below_ten(seconds: float | None, expected: str) -> None:
    assert describe_seconds(seconds) == expected
