"""The warnings about a training that does not learn, word by word, and none about a training that does."""

import math
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import torch
from torch import nn

from cifar_cli.data.normalize import to_unit
from cifar_cli.errors import StoppedError
from cifar_cli.observers.health_checks import HealthChecks, dead_layer, layer_without_gradient
from cifar_cli.optim.reported_lr import ConfiguredLr
from cifar_cli.optim.schedules.build_schedule import build_schedule
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


def warnings_of(training: Any, *, num_classes: int = 4) -> list[str]:
    """Trains and returns the warnings."""
    sentences: list[str] = []
    images = training.images.images[:8]
    checks = HealthChecks(
        images=images,
        preprocess=to_unit,
        num_classes=num_classes,
        guessing_loss=math.log(num_classes),
        steps=sum(training.task.epoch_steps),
        lists_layers=True,
        warn=sentences.append,
    )
    fit(training.state, training.task, runtime=training.runtime, observers=[checks])
    return sentences


def test_a_training_that_was_stopped_after_the_last_step_of_an_epoch_is_resumed_with_its_checks(
    tiny_training: Make,
) -> None:
    training = tiny_training(epochs=1)
    stop = StopAt(4)
    with pytest.raises(StoppedError, match="in epoch 1, after step 4"):
        fit(training.state, training.task, runtime=training.runtime, observers=[stop], shutdown=stop.request)
    warnings_of(training)
    assert training.state.progress.epoch == 1


class StopAt(Observer):
    def __init__(self, step: int) -> None:
        self.request = ShutdownRequest()
        self._step = step

    def step_ended(self, state: TrainingState) -> None:
        if state.progress.step == self._step:
            self.request.signal_number = 15


def lr(value: float) -> ConfiguredLr:
    return ConfiguredLr("optimizer.lr", value, default=0.01)


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
    sentence = dead_layer("relu", 1.0, images=8, epoch=1, lr=ConfiguredLr("optimizer.groups.0.lr", 0.3, 0.24))
    assert "Start again with optimizer.groups.0.lr=0.03 (it is 0.3), or" in sentence


def test_where_the_configuration_lists_no_layers_no_layer_is_replaced() -> None:
    sentence = dead_layer("blocks.0.relu", 1.0, images=8, epoch=1, lr=lr(0.05), lists_layers=False)
    assert sentence.endswith("Start again with optimizer.lr=0.005 (it is 0.05)")


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
    # The training is shorter than the steps before a judgement: its last epoch is judged.
    assert sentence.startswith(
        "epoch 2 ends with a training loss of 1.386 and accuracy of 25.0 % and a validation loss"
    )
    assert sentence.endswith("Try optimizer.lr=0.01 or more (it is 1e-07)")


class Epochs:
    """Reports epochs of 125 steps of a network that guesses, as `fit` would, and collects the warnings."""

    def __init__(self, make: Make, *, schedule: str, epochs: int, **arguments: object) -> None:
        self.training = make(schedule=schedule, schedule_arguments=arguments, epochs=epochs)
        steps = 125 * epochs
        build = partial(build_schedule, schedule, self.training.state.optimizer, **arguments)
        self.training.state.scheduler = build(epoch_steps=[125] * epochs)
        self.warnings: list[str] = []
        self.checks = HealthChecks(
            images=self.training.images.images[:8],
            preprocess=to_unit,
            num_classes=10,
            guessing_loss=math.log(10),
            steps=steps,
            lists_layers=True,
            warn=self.warnings.append,
        )
        self.checks.training_started(self.training.state)
        self.training.state.totals.images = 8000
        self.checks.step_ended(self.training.state)

    def end(self, epoch: int, *, train: tuple[float, float], val: tuple[float, float]) -> list[str]:
        state = self.training.state
        loss, accuracy = val
        figures = {"images": 2000, "confusion": torch.zeros(10, 10), "logits": torch.zeros(2000, 10)}
        evaluation = Evaluation(loss=loss, cross_entropy=loss, accuracy=accuracy, **figures)
        self.checks.validated(state, evaluation)
        self.checks.epoch_ended(state, EpochReport(epoch, 125 * epoch, 0.03, *train, *val, 2000.0, 4.0))
        return self.warnings


def test_a_first_epoch_of_quickstart_on_synthetic_images_gets_no_warning(tiny_training: Make) -> None:
    # The two figures are a run's; its third epoch ended at 88 %.
    epochs = Epochs(tiny_training, schedule="one_cycle", epochs=3, peak_at=0.3)
    assert epochs.end(1, train=(2.2955, 0.115), val=(2.2250, 0.1695)) == []


GUESS = (math.log(10), 0.1)


@pytest.mark.parametrize(
    ("schedule", "arguments", "expected"),
    [
        ("constant", {}, [1, 1, 1, 1]),
        ("cosine", {"warmup_epochs": 1}, [0, 1, 1, 1]),
        ("one_cycle", {"peak_at": 0.5}, [0, 0, 1, 1]),
    ],
)
def test_a_network_that_guesses_gets_one_warning_100_steps_after_the_warm_up(
    tiny_training: Make, schedule: str, arguments: dict[str, object], expected: list[int]
) -> None:
    epochs = Epochs(tiny_training, schedule=schedule, epochs=4, **arguments)
    assert [len(epochs.end(epoch, train=GUESS, val=GUESS)) for epoch in (1, 2, 3, 4)] == expected


@pytest.mark.parametrize(("train", "val"), [((2.1, 0.2), GUESS), (GUESS, (2.1, 0.2))])
def test_learning_shows_in_the_training_or_in_the_validation_images(
    tiny_training: Make, train: tuple[float, float], val: tuple[float, float]
) -> None:
    assert Epochs(tiny_training, schedule="constant", epochs=2).end(1, train=train, val=val) == []
