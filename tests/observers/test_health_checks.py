"""The warnings about a training that does not learn, word by word, and none about a training that does."""

import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch import nn

from cifar_cli.data.normalize import to_unit
from cifar_cli.observers.health_checks import HealthChecks, dead_layer, guessing, is_guessing, layer_without_gradient
from cifar_cli.optim.reported_lr import ConfiguredLr
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import EpochReport

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


def warnings_of(training: Any, *, num_classes: int = 4) -> list[str]:
    """Trains and returns the warnings."""
    sentences: list[str] = []
    images = training.images.images[:8]
    checks = HealthChecks(images=images, preprocess=to_unit, num_classes=num_classes, warn=sentences.append)
    fit(training.state, training.task, runtime=training.runtime, observers=[checks])
    return sentences


def lr(value: float) -> ConfiguredLr:
    return ConfiguredLr("optimizer.lr", value)


def report(**changes: Any) -> EpochReport:
    guess = EpochReport(1, 703, 0.03, math.log(10), 0.1, None, None, 2000.0, 20.0)
    return replace(guess, **changes)


def test_a_training_that_learns_gets_no_warning(tiny_training: Make) -> None:
    training = tiny_training(epochs=3)
    training.images.labels.zero_()
    assert warnings_of(training) == []


def test_dead_units_get_one_warning_with_their_fraction_and_a_remedy(tiny_training: Make) -> None:
    training = tiny_training(epochs=2)
    with torch.no_grad():
        training.state.model.norm.bias.fill_(-100.0)
    (sentence,) = warnings_of(training)
    assert sentence == (
        "after epoch 1, 100 % of the units of relu are 0 for each of 8 images: no gradient passes through them, so "
        "they stay dead, and the layers before them no longer learn. Start again with optimizer.lr=0.005 (it is 0.05), "
        "or write LeakyReLU in the place of relu"
    )


def test_the_learning_rate_to_change_is_a_groups_if_groups_take_every_parameter() -> None:
    sentence = dead_layer("relu", 1.0, images=8, epoch=1, lr=ConfiguredLr("optimizer.groups.0.lr", 53.0))
    assert "Start again with optimizer.groups.0.lr=5 (it is 53), or" in sentence


def test_some_dead_units_get_no_warning(tiny_training: Make) -> None:
    training = tiny_training(epochs=1)
    with torch.no_grad():
        training.state.model.norm.bias[:2] = -100.0  # 2 of 4
    assert not any("units" in sentence for sentence in warnings_of(training))


def test_the_fraction_of_dead_units_is_given_in_percent() -> None:
    assert dead_layer("relu4", 60 / 64, images=32, epoch=3, lr=lr(0.3)).startswith(
        "after epoch 3, 94 % of the units of relu4 are 0 for each of 32 images"
    )


def test_a_layer_without_gradient_gets_a_warning(tiny_training: Make) -> None:
    class Cut(nn.Module):
        def forward(self, features: torch.Tensor) -> torch.Tensor:
            return features.detach()

    training = tiny_training(epochs=2)
    training.state.model.pool = nn.Sequential(training.state.model.pool, Cut())
    assert warnings_of(training) == [layer_without_gradient("conv", step=4), layer_without_gradient("norm", step=4)]


def test_the_sentence_on_a_missing_gradient_names_layer_step_and_mend() -> None:
    assert layer_without_gradient("conv1", step=703) == (
        "after step 703, the gradient of the weights of conv1 is exactly 0, while other layers have one: it does not "
        "learn. Check that its output reaches the loss: an activation that is 0 for every image (the curves "
        "activations/<layer>/dead in TensorBoard) or a factor of 0 blocks the gradient. To freeze the layer on "
        "purpose, write train.freeze=[conv1.*]"
    )


def test_a_frozen_layer_gets_no_warning(tiny_training: Make) -> None:
    training = tiny_training(epochs=1)
    training.state.model.conv.requires_grad_(False)
    assert not any("gradient of the weights" in sentence for sentence in warnings_of(training))


def test_a_learning_rate_that_is_too_small_is_found_by_the_loss_of_a_guess(tiny_training: Make) -> None:
    training = tiny_training(epochs=2, optimizer_arguments={"lr": 1e-7})
    nn.init.zeros_(training.state.model.fc.weight)  # equal scores: exactly a guess, and always of the same class
    training.state.model.fc.bias.data = torch.tensor([0.0, 0.0, 0.0, 1e-4])
    training.images.labels.copy_(torch.arange(24) % 4)
    (sentence,) = warnings_of(training)
    assert sentence.startswith("epoch 1 ends with a training loss of 1.386 and 25.0 %: guessing among 4 classes gives ")
    assert sentence.endswith("Try optimizer.lr=1e-06 or more (it is 1e-07)")


def test_barely_moved_weights_ask_for_larger_steps() -> None:
    assert guessing(report(), num_classes=10, moved=0.0012, lr=lr(1e-6)) == (
        "epoch 1 ends with a training loss of 2.303 and 10.0 %: guessing among 10 classes gives ln 10 = 2.303 and "
        "10.0 %, so nothing has been learnt. The weights have moved by 0.12 % of their norm: the steps are too small. "
        "Try optimizer.lr=1e-05 or more (it is 1e-06)"
    )


def test_a_loss_worse_than_a_guess_asks_for_smaller_steps() -> None:
    assert guessing(report(train_loss=3.1), num_classes=10, moved=2.5, lr=lr(3.0)).endswith(
        "so nothing has been learnt. The loss is worse than a guess and the weights have moved by 250 %: the steps are "
        "too large. Try optimizer.lr=0.3 (it is 3), or train.clip_grad_norm=1"
    )


def test_moved_weights_without_gain_ask_for_both_and_for_another_network() -> None:
    assert guessing(report(), num_classes=10, moved=0.2, lr=lr(0.03)).endswith(
        "The weights have moved by 20 %, to no use. Try optimizer.lr=0.3 and 0.003 (it is 0.03), ReLU in the place of "
        "Sigmoid or Tanh, or BatchNorm2d after each convolution"
    )


@pytest.mark.parametrize(("loss", "accuracy", "expected"), [(2.29, 0.1, True), (2.29, 0.2, False), (2.2, 0.1, False)])
def test_guessing_shows_in_both_loss_and_accuracy(loss: float, accuracy: float, expected: bool) -> None:
    assert is_guessing(report(train_loss=loss, train_accuracy=accuracy), num_classes=10) == expected
