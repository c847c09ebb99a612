"""The matrix peak: FLOPs per second by a fake clock, and the best of several sizes."""

import time

import pytest
import torch

from cifar_cli.benchmark.matrix_peak import matrix_peak

CPU = torch.device("cpu")


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
def test_the_peak_is_twice_the_cube_of_the_size_per_second(dtype: torch.dtype, monkeypatch: pytest.MonkeyPatch) -> None:
    moments = iter(range(100))
    monkeypatch.setattr(time, "perf_counter", lambda: float(next(moments)))  # every reading a second later
    peak = matrix_peak(CPU, dtype, sizes=(10, 20), seconds=5.0)
    assert (peak.flops_per_second, peak.size) == (2 * 20**3, 20)


def test_the_fastest_of_several_products_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    # Readings: one for the deadline; then, for each product, one against the deadline, its start and its end.
    moments = iter([0.0, 0.0, 1.0, 5.0, 6.0, 7.0, 9.0, 9.5, 9.5, 10.0, 11.0])  # products of 4, 2 and 0.5 seconds
    monkeypatch.setattr(time, "perf_counter", lambda: next(moments))
    assert matrix_peak(CPU, torch.float32, sizes=(10,), seconds=10.5).flops_per_second == 2 * 10**3 / 0.5
