"""Texts of the tables that a training ends with."""

import pytest

from cifar_cli.console.result_tables import (
    describe_compile_time,
    describe_seconds,
    describe_training_time,
    print_training_results,
)


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


def test_a_training_ends_with_its_time_the_time_of_compiling_and_that_of_the_whole_command(
    capsys: pytest.CaptureFixture[str],
) -> None:
    summary = {"name": "demo", "dataset": "cifar10", "best_epoch": None, "epochs": 9, "peak_memory_bytes": None}
    times = {"train_seconds": 1.583, "compile_seconds": 0.918, "wall_seconds": 8.25, "images_per_second": 284_000.0}
    print_training_results(summary | times, loss="cross_entropy")
    assert capsys.readouterr().out.splitlines()[-1] == (
        "1.58 s of training at 284,000 images/s, 0.92 s of compiling, 8.25 s in all"
    )
