"""When a network still guesses, and what the advice says, word by word."""

import math

import pytest
from torch import nn

from cifar_cli.observers.guessing import Score, guessing_advice, guessing_finding, is_guessing
from cifar_cli.optim.reported_lr import ConfiguredLr

PLAIN = nn.Sequential(nn.Conv2d(3, 8, 3), nn.ReLU())
NORMALIZED = nn.Sequential(nn.Conv2d(3, 8, 3), nn.BatchNorm2d(8), nn.ReLU())


def advice(
    model: nn.Module = PLAIN, *, lr: float = 0.03, loss: float = 2.303, moved: float = 0.2, lists_layers: bool = True
) -> str:
    configured = ConfiguredLr("optimizer.lr", lr, default=0.01)
    ratio = loss / math.log(10)
    return guessing_advice(model, loss_ratio=ratio, moved=moved, lr=configured, lists_layers=lists_layers)


@pytest.mark.parametrize(
    ("loss", "correct", "expected"),
    [
        (2.29, 200, True),
        (2.29, 243, True),  # of 2,000 images at 10 %: scipy.stats.binom.sf(242, 2000, 0.1) = 0.001015
        (2.29, 244, False),  # scipy.stats.binom.sf(243, 2000, 0.1) = 0.000799
        (2.2, 200, False),  # the loss shows it before the accuracy
        (2.29, 100, True),  # worse than a guess
    ],
)
def test_accuracy_counts_as_learning_if_guessing_gives_it_less_than_once_in_1000(
    loss: float, correct: int, expected: bool
) -> None:
    assert is_guessing(Score(loss, correct / 2000, 2000), num_classes=10, guessing_loss=math.log(10)) == expected


def test_the_finding_gives_both_results_and_the_test() -> None:
    guess = Score(2.303, 0.1, 2000)
    assert guessing_finding(guess, Score(2.31, 0.095, 2000), epoch=2, num_classes=10, guessing_loss=math.log(10)) == (
        "epoch 2 ends with a training loss of 2.303 and accuracy of 10.0 % and a validation loss of 2.310 and accuracy "
        "of 9.5 %: guessing among 10 classes gives ln 10 = 2.303 and 10.0 %, and the difference is within chance "
        "(binomial test, p ≥ 0.001), so the network still guesses."
    )
    assert "validation" not in guessing_finding(guess, None, epoch=2, num_classes=10, guessing_loss=math.log(10))


def test_barely_moved_weights_ask_for_larger_steps() -> None:
    assert advice(lr=1e-6, moved=0.0012) == (
        "The weights have moved by 0.12 % of their norm: the steps are too small. "
        "Try optimizer.lr=0.01 or more (it is 1e-06)"
    )


def test_a_loss_worse_than_a_guess_asks_for_smaller_steps_and_not_for_a_tenth_of_a_million() -> None:
    assert advice(lr=1e6, loss=3.1, moved=2.5) == (
        "The loss is worse than a guess and the weights have moved by 250 %: the steps are too large. "
        "Try optimizer.lr=0.01 (it is 1e+06), or train.clip_grad_norm=1"
    )


def test_moved_weights_without_gain_ask_for_what_the_model_lacks() -> None:
    begin = "The weights have moved by 20 %, to no use. Try optimizer.lr=0.3 and 0.003 (it is 0.03)"
    assert advice() == f"{begin}, BatchNorm2d after each convolution"
    assert advice(NORMALIZED) == begin
    assert advice(nn.Sequential(nn.Flatten(), nn.Linear(4, 4))) == begin
    saturating = nn.Sequential(nn.Flatten(), nn.Linear(4, 4), nn.Sigmoid(), nn.Linear(4, 4))
    assert advice(saturating) == f"{begin}, ReLU in the place of Sigmoid (2)"
    assert advice(lists_layers=False) == begin


def test_a_loss_that_is_lower_for_a_guess_is_judged_by_its_own_guess() -> None:
    # The focal loss of equal scores for ten classes, gamma 2: 0.9² · ln 10 = 1.8651
    guess = Score(1.866, 0.101, 2000)
    assert is_guessing(guess, num_classes=10, guessing_loss=1.8651)
    finding = guessing_finding(guess, None, epoch=1, num_classes=10, guessing_loss=1.8651)
    assert "guessing among 10 classes gives a loss of 1.865 and 10.0 %" in finding
