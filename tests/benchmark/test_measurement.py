"""The figures that follow from the measured seconds, worked by hand."""

from dataclasses import replace

import pytest

from cifar_cli.benchmark.epoch_end import EpochEnd
from cifar_cli.benchmark.matrix_peak import MatrixPeak
from cifar_cli.benchmark.measurement import Measurement

MEASURED = Measurement(
    batch_size=50,
    images_per_epoch=1000,  # 20 steps
    steps_per_round=5,
    step_seconds={
        "ours": [0.10, 0.20, 0.10],
        "watched": [0.11, 0.21, 0.11],
        "bare": [0.10, 0.16, 0.08],
        "reference": [0.30, 0.60, 0.33],
    },
    part_seconds=[
        {"data": 0.01, "forward": 0.03, "backward": 0.04, "optimizer": 0.01, "logging": 0.005, "rest": 0.001},
        {"data": 0.02, "forward": 0.06, "backward": 0.08, "optimizer": 0.02, "logging": 0.010, "rest": 0.001},
        {"data": 0.01, "forward": 0.03, "backward": 0.04, "optimizer": 0.01, "logging": 0.005, "rest": 0.001},
    ],
    first_step_seconds={"ours": 1.0},
    epoch_end=EpochEnd(logging=0.1, validation=None),
    peak_memory_bytes=None,
    flops_per_step=5_000_000_000,
    matrix_peak=MatrixPeak(flops_per_second=200e9, size=2048),
)


def test_the_speed_is_that_of_the_median_round() -> None:
    assert MEASURED.rounds == 3
    assert MEASURED.images_per_second("ours") == pytest.approx(500)
    assert MEASURED.epoch_seconds("ours") == pytest.approx(2.0)
    assert MEASURED.epoch_seconds("reference") == pytest.approx(0.33 * 20)


def test_the_speedup_is_taken_round_by_round() -> None:
    assert MEASURED.speedup.per_round == pytest.approx((3.0, 3.0, 3.3))
    assert MEASURED.speedup.median == pytest.approx(3.0)


def test_the_overhead_includes_the_logging_at_the_end_of_an_epoch() -> None:
    # (0.1 · 20 + 0.1) / (0.1 · 20) − 1; (4 + 0.1) / 3.2 − 1; (2 + 0.1) / 1.6 − 1
    assert MEASURED.overhead.per_round == pytest.approx((0.05, 0.28125, 0.3125))


def test_parts_and_rest_add_up_to_a_step_without_a_stopwatch() -> None:
    assert MEASURED.parts == pytest.approx(
        {"data": 0.01, "forward": 0.03, "backward": 0.04, "optimizer": 0.01, "logging": 0.005, "rest": 0.005}
    )
    assert sum(MEASURED.parts.values()) == pytest.approx(0.10)


def test_the_share_of_the_peak_is_the_ratio_of_two_rates() -> None:
    assert MEASURED.flops_per_second == pytest.approx(50e9)
    assert MEASURED.share_of_matrix_peak == pytest.approx(0.25)


def test_figures_of_rounds_that_differ_widely_are_not_clear() -> None:
    assert not MEASURED.is_overhead_clear  # 5 %, 28 % and 31 %
    near = {**MEASURED.step_seconds, "reference": [0.30, 0.60, 0.32]}  # 3.0, 3.0 and 3.2
    assert replace(MEASURED, step_seconds=near).is_speedup_clear
    noisy = {**MEASURED.step_seconds, "reference": [0.30, 0.60, 0.34]}  # 3.0, 3.0 and 3.4
    assert not replace(MEASURED, step_seconds=noisy).is_speedup_clear
    quiet = {**MEASURED.step_seconds, "bare": [0.10, 0.20, 0.10]}  # 5 %, 2.5 % and 5 %
    assert replace(MEASURED, step_seconds=quiet).is_overhead_clear
