"""Histograms of weights, gradients and activations, read by TensorBoard's own reader."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifar_cli.data.normalize import to_unit
from cifar_cli.observers.event_file import EventFile
from cifar_cli.observers.histograms import Histograms
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.training.loop import fit

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "demo")


def write_histograms(run: RunFolder, training: Any, *, epochs: int) -> EventAccumulator:
    """Trains for a number of epochs and returns TensorBoard's reader of the event file."""
    events = EventFile(run)
    histograms = Histograms(events, images=training.images.images[:5], preprocess=to_unit, every=1)
    fit(training.state, replace(training.task, epochs=epochs), runtime=training.runtime, observers=[events, histograms])
    events.close()
    return EventAccumulator(str(run.path), size_guidance={"histograms": 0}).Reload()


def test_histograms_show_weights_gradients_and_activations_before_training_and_by_epoch(
    run: RunFolder, tiny_training: Make
) -> None:
    training = tiny_training(epochs=2)
    events = write_histograms(run, training, epochs=2)
    tags = events.Tags()["histograms"]
    parameters = [name for name, _ in training.state.model.named_parameters()]
    layers = ["conv", "norm", "relu", "fc"]
    assert set(tags) == {
        *(f"weights/{name}" for name in parameters),
        *(f"gradients/{name}" for name in parameters),
        *(f"activations/{layer}" for layer in layers),
    }
    shown = events.Histograms("weights/conv.weight")
    assert [event.step for event in shown] == [0, 4, 8]
    weights = training.state.model.conv.weight.detach()
    assert shown[-1].histogram_value.num == weights.numel()
    assert shown[-1].histogram_value.sum == pytest.approx(weights.double().sum().item(), rel=1e-4)
    assert [event.step for event in events.Histograms("gradients/conv.weight")] == [4, 8]


def test_numbers_that_are_not_finite_are_left_out_of_a_histogram(run: RunFolder, tiny_training: Make) -> None:
    training = tiny_training()
    training.state.model.conv.weight.data[0, 0, 0, 0] = float("nan")
    training.state.model.norm.weight.data.fill_(float("inf"))
    events = write_histograms(run, training, epochs=0)
    (shown,) = events.Histograms("weights/conv.weight")
    assert shown.histogram_value.num == training.state.model.conv.weight.numel() - 1
    assert "weights/norm.weight" not in events.Tags()["histograms"]
