"""Layers recorded while a network trains: the values, the times, and a resumed training."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from cifar_cli.data.normalize import to_unit
from cifar_cli.observers.feature_recorder import FeatureRecorder
from cifar_cli.runs.recorded_features import read_recorded_layer
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.training.loop import fit

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "demo")


def record(
    run: RunFolder,
    training: Any,
    *,
    layers: tuple[str, ...] = ("conv", "fc"),
    every: int = 1,
    epochs: int | None = None,
) -> None:
    """Trains to the end, or for `epochs`, while the layers are recorded; 4 steps an epoch."""
    recorder = FeatureRecorder(
        run,
        image=training.images.images[:1],
        preprocess=to_unit,
        layers=layers,
        every=every,
        epochs=training.task.epochs,
    )
    task = training.task if epochs is None else replace(training.task, epochs=epochs)
    fit(training.state, task, runtime=training.runtime, observers=[recorder])


def test_the_values_are_the_networks_own_before_training_and_after(run: RunFolder, tiny_training: Make) -> None:
    training = tiny_training(epochs=2)
    image = training.images.images[:1] / 255
    before = training.state.model.conv.weight.detach().clone()
    bias = training.state.model.conv.bias.detach().clone()
    record(run, training)
    recorded = read_recorded_layer(run.features, "conv")
    assert list(recorded) == [0, 4, 8]
    torch.testing.assert_close(recorded[0].features, F.conv2d(image, before, bias, padding=1)[0])
    assert torch.equal(recorded[0].filters, before)
    after = training.state.model.conv
    torch.testing.assert_close(recorded[8].features, F.conv2d(image, after.weight, after.bias, padding=1)[0].detach())
    assert torch.equal(recorded[8].filters, after.weight)
    with torch.no_grad():
        logits = training.state.model.eval()(image)[0]
    torch.testing.assert_close(read_recorded_layer(run.features, "fc")[8].features, logits)


def test_layers_are_recorded_every_so_many_epochs_or_never(tmp_path: Path, tiny_training: Make) -> None:
    second, never, none = (create_run(tmp_path, name) for name in ("second", "never", "none"))
    record(second, tiny_training(epochs=5), every=2)
    assert list(read_recorded_layer(second.features, "conv")) == [0, 8, 16]
    record(never, tiny_training(epochs=2), every=0)
    record(none, tiny_training(epochs=2), layers=())
    assert not never.features.exists()
    assert not none.features.exists()


def test_a_long_run_is_recorded_at_most_a_hundred_times_after_its_start(run: RunFolder, tiny_training: Make) -> None:
    record(run, tiny_training(epochs=250, validated=False), layers=("fc",))
    steps = list(read_recorded_layer(run.features, "fc"))
    assert steps == [0, *range(12, 1000, 12)]  # each third epoch


def test_a_resumed_training_replaces_the_steps_that_it_takes_again(run: RunFolder, tiny_training: Make) -> None:
    record(run, tiny_training(epochs=4), epochs=3)
    first = read_recorded_layer(run.features, "conv")
    assert list(first) == [0, 4, 8, 12]
    # The last checkpoint was of epoch 1: 2 and 3 were recorded, but are trained again.
    resumed = tiny_training(epochs=3, seed=1)
    resumed.state.progress.epoch, resumed.state.progress.step = 1, 4
    record(run, resumed, every=2)
    recorded = read_recorded_layer(run.features, "conv")
    assert list(recorded) == [0, 4, 8]  # with every=2, epoch 2 alone is recorded; nothing of the first epoch 3 is left
    assert torch.equal(recorded[4].features, first[4].features)
    assert not torch.equal(recorded[8].features, first[8].features)


def test_recording_changes_nothing_of_the_training(run: RunFolder, tiny_training: Make) -> None:
    alone, observed = tiny_training(), tiny_training()
    torch.manual_seed(7)
    fit(alone.state, alone.task, runtime=alone.runtime)
    torch.manual_seed(7)
    record(run, observed)
    for key, value in alone.state.model.state_dict().items():
        assert torch.equal(value, observed.state.model.state_dict()[key]), key
