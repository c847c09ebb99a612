"""Calibration: the temperature against SciPy's minimizer and a known truth, the calibration error against loops."""

import numpy as np
import pytest
import torch
from scipy.optimize import minimize_scalar
from scipy.special import log_softmax
from torch import Tensor

from cifar_cli.training.calibration import calibrate, expected_calibration_error, fit_temperature, probabilities_at


def overconfident(count: int, *, temperature: float, seed: int = 0) -> tuple[Tensor, Tensor]:
    """Logits, and labels drawn from softmax(logits / temperature)."""
    generator = torch.Generator().manual_seed(seed)
    logits = 3 * torch.randn(count, 5, generator=generator)
    labels = torch.multinomial((logits / temperature).softmax(dim=1), 1, generator=generator)[:, 0]
    return logits, labels


@pytest.mark.parametrize("temperature", [0.5, 1.0, 2.5])
def test_the_temperature_that_the_labels_were_drawn_at_is_found(temperature: float) -> None:
    assert fit_temperature(*overconfident(20_000, temperature=temperature)) == pytest.approx(temperature, rel=0.04)


def test_the_temperature_is_that_of_scipys_minimizer() -> None:
    logits, labels = overconfident(300, temperature=1.7)

    def cross_entropy(temperature: float) -> float:
        return float(-log_softmax(logits.double().numpy() / temperature, axis=1)[np.arange(300), labels].mean())

    expected = minimize_scalar(cross_entropy, bounds=(0.1, 10), method="bounded", options={"xatol": 1e-9}).x
    assert fit_temperature(logits, labels) == pytest.approx(expected, rel=1e-5)


def test_images_that_are_all_right_or_all_wrong_give_a_temperature_at_the_end_of_the_range() -> None:
    logits = torch.tensor([[2.0, 0.0], [0.0, 3.0]])
    assert fit_temperature(logits, torch.tensor([0, 1])) == pytest.approx(0.01)
    assert fit_temperature(logits, torch.tensor([1, 0])) == pytest.approx(100)


def test_the_calibration_error_is_the_definitions() -> None:
    logits, labels = overconfident(500, temperature=2.0)
    probabilities = logits.softmax(dim=1)
    total = 0.0
    for bin_ in range(15):
        inside = [
            (max(row), row.index(max(row)) == label)
            for row, label in zip(probabilities.tolist(), labels.tolist(), strict=True)
            if bin_ / 15 < max(row) <= (bin_ + 1) / 15
        ]
        if inside:
            accuracy = sum(right for _, right in inside) / len(inside)
            total += len(inside) / 500 * abs(accuracy - sum(confidence for confidence, _ in inside) / len(inside))
    assert expected_calibration_error(probabilities, labels) == pytest.approx(total, abs=1e-6)


def test_the_calibration_error_worked_by_hand() -> None:
    # Two images of confidence 0.75, one of them right: |0.5 - 0.75|; one of 1.0, right: 0.
    probabilities = torch.tensor([[0.75, 0.25], [0.75, 0.25], [0.0, 1.0]])
    assert expected_calibration_error(probabilities, torch.tensor([0, 1, 1])) == pytest.approx(2 / 3 * 0.25)


def test_the_temperature_mends_the_calibration_error() -> None:
    logits, labels = overconfident(20_000, temperature=2.5)
    found = calibrate(logits, labels)
    before = expected_calibration_error(logits.softmax(dim=1), labels)
    after = expected_calibration_error(probabilities_at(found.temperature, logits), labels)
    assert before > 0.15
    assert after < 0.02


def test_one_image_in_twenty_is_doubtful() -> None:
    logits, labels = overconfident(1000, temperature=2.0)
    found = calibrate(logits, labels)
    largest = probabilities_at(found.temperature, logits).amax(dim=1)
    assert int((largest < found.doubtful_below).sum()) == 50
    assert found.images == 1000
