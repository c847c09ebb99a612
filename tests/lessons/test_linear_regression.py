"""Lesson `linear-regression`: the tutorial's results, the broadcast, and the corrections that bring b to 5."""

import math

import pytest
import torch
from torch.nn.functional import mse_loss

from cifar_cli.lessons.linear_regression import (
    batches,
    broadcast_loss,
    fit_linear,
    fit_mended,
    fit_parameter,
    fit_tensors,
    least_squares,
    make_data,
)


@pytest.mark.parametrize(
    ("way", "w", "b"), [(fit_tensors, 9.97, 8.1), (fit_parameter, 9.96, 9.0), (fit_linear, 9.95, 8.7)]
)
def test_the_three_ways_end_near_where_the_tutorial_ends(way, w: float, b: float) -> None:
    fit = way()
    assert fit.w == pytest.approx(w, abs=0.01)
    assert fit.b == pytest.approx(b, abs=0.4)  # it depends on the start
    assert len(fit.b_history) == 500
    assert fit.b_history[-1] == fit.b


def test_the_data_is_the_line_with_noise_of_deviation_1() -> None:
    x, y = make_data()
    assert (x[0], x[1], x[-1]) == (0, torch.tensor(0.01), torch.tensor(99.99))
    noise = y - (10 * x + 5)
    assert noise.mean().item() == pytest.approx(0, abs=0.04)  # four standard errors
    assert noise.std().item() == pytest.approx(1, abs=0.03)


def test_mended_b_reaches_5() -> None:
    fit = fit_mended()
    assert fit.w == pytest.approx(10, abs=0.01)
    assert fit.b == pytest.approx(5, abs=0.1)


def test_least_squares_is_torchs() -> None:
    x, y = make_data()
    rows = torch.stack([x, torch.ones_like(x)], dim=1).double()
    solution = torch.linalg.lstsq(rows, y.double()[:, None]).solution
    assert least_squares() == pytest.approx((solution[0].item(), solution[1].item()))
    assert least_squares()[1] == pytest.approx(5, abs=0.08)


def test_without_one_of_the_corrections_b_is_wrong() -> None:
    assert not math.isfinite(fit_mended(scale=False).b)
    for undone in ({"shuffle": False}, {"weight_decay": 0.1}, {"adam": True}):
        assert abs(fit_mended(**undone).b - 5) > 0.5, undone


def test_a_column_against_a_row_compares_all_pairs_and_torch_warns() -> None:
    prediction, target = torch.tensor([[1.0], [2.0]]), torch.tensor([1.0, 4.0])
    assert broadcast_loss(prediction, target) == (0 + 9 + 1 + 4) / 4
    with pytest.warns(UserWarning, match="different to the input size"):
        assert mse_loss(prediction, target) == 3.5
    assert mse_loss(prediction, target[:, None]) == 2


def test_broadcast_and_shuffled_the_fit_goes_to_the_mean() -> None:
    shuffled = fit_tensors(shuffle=True)
    assert shuffled.w < 9
    assert shuffled.b > 20


def test_an_epoch_sees_every_point_once() -> None:
    shuffled = list(batches(shuffle=True))
    assert len(shuffled) == 500
    assert sorted(torch.cat(shuffled[:100]).tolist()) == list(range(10_000))
