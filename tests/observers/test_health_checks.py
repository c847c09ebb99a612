"""What is said of a training that does not learn, in every word, and that nothing is said of one that does."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from cifar_cli.data.normalize import to_unit
from cifar_cli.observers.health_checks import HealthChecks, dead_layer, guessing, layer_without_gradient
from cifar_cli.optim.reported_lr import ConfiguredLr
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import EpochReport

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


def told(training: Any, *, num_classes: int = 4) -> list[str]:
    """Trains, and returns what the alarms said."""
    sentences: list[str] = []
    images = training.images.images[:8]
    alarms = HealthChecks(images=images, prepare=to_unit, num_classes=num_classes, tell=sentences.append)
    fit(training.state, training.task, runtime=training.runtime, observers=[alarms])
    return sentences


def lr(value: float) -> ConfiguredLr:
    return ConfiguredLr("optimizer.lr", value)


def report(**changes: Any) -> EpochReport:
    guess = EpochReport(1, 703, 0.03, math.log(10), 0.1, None, None, 2000.0, 20.0)
    return replace(guess, **changes)


def test_a_training_that_learns_is_left_in_peace(tiny_training: Make) -> None:
    training = tiny_training(epochs=3)
    training.images.labels.zero_()
    assert told(training) == []


def test_dead_units_are_told_once_with_their_share_and_what_to_try(tiny_training: Make) -> None:
    training = tiny_training(epochs=2)
    with torch.no_grad():
        training.state.model.norm.bias.fill_(-100.0)
    (sentence,) = told(training)
    assert sentence == (
        "after epoch 1, 100% of the units of relu put out 0 for each of 8 images: no gradient passes through them, so "
        "they stay dead, and what lies before them no longer learns. Begin again with optimizer.lr=0.005 (it is 0.05), "
        "or write LeakyReLU in the place of relu"
    )


def test_the_rate_to_change_is_a_groups_where_groups_take_every_parameter() -> None:
    sentence = dead_layer("relu", 1.0, images=8, epoch=1, lr=ConfiguredLr("optimizer.groups.0.lr", 53.0))
    assert "Begin again with optimizer.groups.0.lr=5 (it is 53), or" in sentence


def test_some_dead_units_are_no_alarm(tiny_training: Make) -> None:
    training = tiny_training(epochs=1)
    with torch.no_grad():
        training.state.model.norm.bias[:2] = -100.0  # 2 of 4
    assert not any("units" in sentence for sentence in told(training))


def test_a_share_is_told_in_percent() -> None:
    assert dead_layer("relu4", 60 / 64, images=32, epoch=3, lr=lr(0.3)).startswith(
        "after epoch 3, 94% of the units of relu4 put out 0 for each of 32 images"
    )


def test_a_layer_that_nothing_reaches_is_told(tiny_training: Make) -> None:
    class Cut(nn.Module):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features.detach()

    training = tiny_training(epochs=2)
    training.state.model.pool = nn.Sequential(training.state.model.pool, Cut())
    assert told(training) == [layer_without_gradient("conv", step=4), layer_without_gradient("norm", step=4)]


def test_the_sentence_on_a_missing_gradient_names_layer_step_and_mend() -> None:
    assert layer_without_gradient("conv1", step=703) == (
        "after step 703, the gradient of the weights of conv1 is exactly 0, while other layers have one: it does not "
        "learn. See that its output reaches the loss; an activation that is shut for every image (the curves "
        "activations/<layer>/dead in TensorBoard) or a factor of 0 stands between. To leave it as it is on purpose, "
        "write train.freeze=[conv1.*]"
    )


def test_a_layer_frozen_on_purpose_is_not_told(tiny_training: Make) -> None:
    training = tiny_training(epochs=1)
    training.state.model.conv.requires_grad_(False)
    assert not any("gradient of the weights" in sentence for sentence in told(training))


def test_a_rate_that_is_too_small_is_told_as_a_loss_that_is_a_guess(tiny_training: Make) -> None:
    training = tiny_training(epochs=2, optimizer_arguments={"lr": 1e-7})
    nn.init.zeros_(training.state.model.fc.weight)  # equal scores: exactly a guess, and always of the same class
    training.state.model.fc.bias.data = torch.tensor([0.0, 0.0, 0.0, 1e-4])
    training.images.labels.copy_(torch.arange(24) % 4)
    (sentence,) = told(training)
    assert sentence.startswith("epoch 1 ends with a training loss of 1.386 and 25.0%: guessing among 4 classes gives ")
    assert sentence.endswith("Try optimizer.lr=1e-06 or more (it is 1e-07)")


def test_barely_moved_weights_ask_for_larger_steps() -> None:
    assert guessing(report(), num_classes=10, moved=0.0012, lr=lr(1e-6)) == (
        "epoch 1 ends with a training loss of 2.303 and 10.0%: guessing among 10 classes gives ln 10 = 2.303 and "
        "10.0%, so nothing has been learnt. The weights have moved by 0.12% of their norm: the steps are too small. "
        "Try optimizer.lr=1e-05 or more (it is 1e-06)"
    )


def test_a_loss_worse_than_a_guess_asks_for_smaller_steps() -> None:
    assert guessing(report(train_loss=3.1), num_classes=10, moved=2.5, lr=lr(3.0)).endswith(
        "so nothing has been learnt. The loss is worse than a guess and the weights have moved by 250%: the steps are "
        "too large. Try optimizer.lr=0.3 (it is 3), or train.clip_grad_norm=1"
    )


def test_moved_weights_without_gain_ask_for_both_and_for_another_network() -> None:
    assert guessing(report(), num_classes=10, moved=0.2, lr=lr(0.03)).endswith(
        "The weights have moved by 20%, to no use. Try optimizer.lr=0.3 and 0.003 (it is 0.03), ReLU in the place of "
        "Sigmoid or Tanh, or BatchNorm2d after each convolution"
    )


@pytest.mark.parametrize(("loss", "accuracy", "alarmed"), [(2.29, 0.1, True), (2.29, 0.2, False), (2.2, 0.1, False)])
def test_only_guessing_in_loss_and_accuracy_is_told(loss: float, accuracy: float, alarmed: bool) -> None:
    alarms = HealthChecks(images=torch.zeros(1), prepare=to_unit, num_classes=10, tell=print)
    assert alarms._is_guessing(report(train_loss=loss, train_accuracy=accuracy)) == alarmed
