"""Statistics compared with scipy, published tables and figures worked by hand."""

import numpy as np
import pytest
from scipy import stats

from cifar_cli.runs.confidence import SampleStatistics, sample_statistics, student_t


@pytest.mark.parametrize("degrees", [1, 2, 3, 4, 5, 8, 9, 24, 199, 999])
@pytest.mark.parametrize("confidence", [0.5, 0.95, 0.99])
def test_students_t_is_scipys(confidence: float, degrees: int) -> None:
    assert student_t(confidence, degrees=degrees) == pytest.approx(stats.t.ppf((1 + confidence) / 2, degrees), rel=1e-9)


@pytest.mark.parametrize(("degrees", "tabled"), [(1, 12.706), (2, 4.303), (4, 2.776), (9, 2.262), (24, 2.064)])
def test_students_t_agrees_with_printed_tables(degrees: int, tabled: float) -> None:
    assert round(student_t(0.95, degrees=degrees), 3) == tabled


def test_three_accuracies_worked_by_hand() -> None:
    # Mean 0.94; deviations −0.01, 0, 0.01, so √(0.0002 / 2) = 0.01; 4.30265 · 0.01 / √3 = 0.0248413
    found = sample_statistics([0.93, 0.94, 0.95])
    assert (found.n, found.mean) == (3, pytest.approx(0.94))
    assert found.standard_deviation == pytest.approx(0.01)
    assert found.half_width == pytest.approx(0.0248413, rel=1e-5)


def test_the_confidence_interval_is_scipys() -> None:
    accuracies = [0.9401, 0.9388, 0.9412, 0.9397, 0.9403]
    found = sample_statistics(accuracies)
    low, high = stats.t.interval(0.95, 4, loc=np.mean(accuracies), scale=stats.sem(accuracies))
    assert found.half_width is not None
    assert (found.mean - found.half_width, found.mean + found.half_width) == (pytest.approx(low), pytest.approx(high))
    assert found.standard_deviation == pytest.approx(np.std(accuracies, ddof=1))


def test_one_measurement_has_no_deviation_and_no_interval() -> None:
    assert sample_statistics([0.5]) == SampleStatistics(n=1, mean=0.5, standard_deviation=None, half_width=None)
