"""Lesson `loss`: the worked numbers, by hand and by torch, and the cost of a softmax too many."""

import math

import pytest
import torch
from torch import nn

from cifar_cli.lessons.loss import (
    INPUTS,
    LABEL,
    LOGITS,
    TARGETS,
    best_loss_with_extra_softmax,
    cross_entropy,
    l1,
    lead,
    loss_and_gradient,
    mse,
)


def test_the_worked_numbers_by_hand_and_by_torch() -> None:
    assert l1(INPUTS, TARGETS) == pytest.approx(nn.L1Loss()(INPUTS, TARGETS).item()) == pytest.approx(2 / 3)
    assert round(l1(INPUTS, TARGETS), 4) == 0.6667
    assert nn.L1Loss(reduction="sum")(INPUTS, TARGETS) == 2
    assert mse(INPUTS, TARGETS) == pytest.approx(nn.MSELoss()(INPUTS, TARGETS).item())
    assert round(mse(INPUTS, TARGETS), 4) == 1.3333
    assert round(cross_entropy(LOGITS, LABEL), 4) == 1.1019
    assert loss_and_gradient(LOGITS, LABEL)[0] == pytest.approx(cross_entropy(LOGITS, LABEL))


def test_the_gradient_is_softmax_minus_one_at_the_label() -> None:
    _, gradient = loss_and_gradient(LOGITS, LABEL)
    torch.testing.assert_close(gradient, LOGITS.softmax(0) - torch.tensor([0.0, 1.0, 0.0]))


def test_an_extra_softmax_keeps_the_loss_from_falling_and_the_gradient_from_pulling() -> None:
    floor = best_loss_with_extra_softmax(10)
    assert floor == pytest.approx(1.4612, abs=5e-5)
    sure_and_right, _ = loss_and_gradient(lead(100.0), 0, extra_softmax=True)
    assert sure_and_right == pytest.approx(floor)
    assert loss_and_gradient(lead(100.0), 0)[0] == pytest.approx(0, abs=1e-6)
    surely_wrong = loss_and_gradient(lead(-10.0), 0)[1][0]
    hardly_told = loss_and_gradient(lead(-10.0), 0, extra_softmax=True)[1][0]
    assert surely_wrong == pytest.approx(-1, abs=1e-3)
    assert abs(hardly_told) < 1e-5


def test_a_network_that_guesses_begins_at_log_10() -> None:
    assert loss_and_gradient(lead(0.0), 0)[0] == pytest.approx(math.log(10)) == pytest.approx(2.3026, abs=5e-5)
