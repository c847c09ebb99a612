"""Lesson `optimizer`: the steps worked by hand, with and without zero_grad."""

import pytest

from cifar_cli.lessons.optimizer import gradient_by_hand, steps, summed_losses


def test_the_worked_step() -> None:
    ((before, gradient, after),) = steps(number=1)
    assert (before, gradient) == (1, -24)
    assert after == pytest.approx(1.24)  # 1 − 0.01 · (−24)


def test_each_step_takes_the_gradient_by_hand() -> None:
    for before, gradient, after in steps(number=5):
        assert gradient == pytest.approx(gradient_by_hand(before), rel=1e-5)
        assert after == pytest.approx(before - 0.01 * gradient, rel=1e-5)
    assert steps(number=200)[-1][2] == pytest.approx(4, abs=1e-4)  # where 2w = 8


def test_without_zero_grad_gradients_add_up() -> None:
    taken = steps(number=3, zero_grad=False)
    by_hand = [gradient_by_hand(before) for before, _, _ in taken]
    assert [gradient for _, gradient, _ in taken] == pytest.approx([sum(by_hand[: end + 1]) for end in range(3)])
    assert taken[1][1] == pytest.approx(-24 - 22.08)


def test_the_summed_loss_falls_each_epoch_but_not_without_zero_grad() -> None:
    good = summed_losses()
    assert good == sorted(good, reverse=True)
    assert good[-1] < good[0] / 3
    bad = summed_losses(zero_grad=False)
    assert bad[-1] > bad[0]
