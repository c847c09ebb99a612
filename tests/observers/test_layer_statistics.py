"""The curves of layers, read by TensorBoard's own reader and compared with a training written out by hand."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifar_cli.data.normalize import to_unit
from cifar_cli.observers.event_file import EventFile
from cifar_cli.observers.layer_statistics import LayerStatistics
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import Observer
from cifar_cli.training.state import TrainingState

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "demo")


def train_observed(run: RunFolder, training: Any, *, every: int = 3, others: tuple[Observer, ...] = ()) -> None:
    events = EventFile(run)
    statistics = LayerStatistics(events, images=training.images.images[:5], preprocess=to_unit, every=every)
    try:
        fit(training.state, training.task, runtime=training.runtime, observers=[events, statistics, *others])
    finally:
        events.close()


def read(run: RunFolder) -> EventAccumulator:
    return EventAccumulator(str(run.path), size_guidance={"scalars": 0}).Reload()


def curve(run: RunFolder, tag: str) -> dict[int, float]:
    return {event.step: event.value for event in read(run).Scalars(tag)}


class WeightsOfSteps(Observer):
    """Remembers what statistics are made from, after every step."""

    def __init__(self) -> None:
        self.weights: dict[int, dict[str, torch.Tensor]] = {}
        self.gradients: dict[int, dict[str, torch.Tensor]] = {}

    def training_started(self, state: TrainingState) -> None:
        self.step_ended(state)

    def step_ended(self, state: TrainingState) -> None:
        named = dict(state.model.named_parameters())
        step = state.progress.step
        self.weights[step] = {name: parameter.detach().clone() for name, parameter in named.items()}
        self.gradients[step] = {name: p.grad.clone() for name, p in named.items() if p.grad is not None}


def joined(tensors: dict[str, torch.Tensor], layer: str) -> torch.Tensor:
    return torch.cat([tensors[f"{layer}.weight"].flatten(), tensors[f"{layer}.bias"]]).double()


def test_curves_are_grouped_by_quantity_and_named_by_layer(run: RunFolder, tiny_training: Make) -> None:
    train_observed(run, tiny_training())
    assert set(read(run).Tags()["scalars"]) == {
        *(f"activations/{layer}/{figure}" for layer in ("conv", "norm", "relu", "fc") for figure in ("mean", "std")),
        "activations/relu/dead",
        *(f"gradients/{layer}/norm" for layer in ("conv", "norm", "fc")),
        *(f"update_ratio/{layer}" for layer in ("conv", "norm", "fc")),
        "grad_norm",
    }


def test_activations_start_before_training_and_the_other_curves_at_the_first_observed_step(
    run: RunFolder, tiny_training: Make
) -> None:
    train_observed(run, tiny_training(epochs=2))  # 8 steps
    assert list(curve(run, "activations/conv/mean")) == [0, 3, 6]
    assert list(curve(run, "gradients/conv/norm")) == [3, 6]
    assert list(curve(run, "update_ratio/conv")) == [3, 6]


def test_norms_and_ratios_are_those_of_the_very_step(run: RunFolder, tiny_training: Make) -> None:
    remembered = WeightsOfSteps()
    train_observed(run, tiny_training(), others=(remembered,))
    for step in (3, 6):
        for layer in ("conv", "norm", "fc"):
            before, after = (joined(remembered.weights[number], layer) for number in (step - 1, step))
            ratio = ((after - before).norm() / before.norm()).item()
            assert curve(run, f"update_ratio/{layer}")[step] == pytest.approx(ratio, rel=1e-4)
            norm = joined(remembered.gradients[step], layer).norm().item()
            assert curve(run, f"gradients/{layer}/norm")[step] == pytest.approx(norm, rel=1e-5)


def test_the_gradient_norm_is_that_of_all_gradients_together(run: RunFolder, tiny_training: Make) -> None:
    remembered = WeightsOfSteps()
    train_observed(run, tiny_training(), others=(remembered,))
    found = curve(run, "grad_norm")
    assert list(found) == [3, 6]
    for step, norm in found.items():
        everything = torch.cat([gradient.flatten() for gradient in remembered.gradients[step].values()]).double()
        assert norm == pytest.approx(everything.norm().item(), rel=1e-5)


@pytest.mark.parametrize("optimizer", ["sgd", "muon"])
def test_with_clipping_the_gradient_norm_is_that_of_before(
    run: RunFolder, tmp_path: Path, tiny_training: Make, optimizer: str
) -> None:
    clipped, whole = WeightsOfSteps(), WeightsOfSteps()
    torch.manual_seed(7)  # for dropout
    train_observed(run, tiny_training(optimizer=optimizer, clip_grad_norm=0.01), every=1, others=(clipped,))
    torch.manual_seed(7)
    twin = tiny_training(optimizer=optimizer)
    fit(twin.state, twin.task, runtime=twin.runtime, observers=[whole])

    def norm(remembered: WeightsOfSteps, step: int) -> float:
        return torch.cat([each.flatten() for each in remembered.gradients[step].values()]).double().norm().item()

    found = curve(run, "grad_norm")
    assert found[1] == pytest.approx(norm(whole, 1), rel=1e-5)  # later steps start from other weights
    # Muon's group is trained for six steps: afterwards its gradients are neither clipped nor counted.
    assert all(found[step] > 5 * norm(clipped, step) for step in range(1, 7))
    assert norm(clipped, 5) == pytest.approx(0.01, rel=1e-3)


def test_activations_are_those_of_the_weights_after_the_step(run: RunFolder, tiny_training: Make) -> None:
    training, remembered = tiny_training(), WeightsOfSteps()
    train_observed(run, training, others=(remembered,))
    weights = remembered.weights[6]
    images = training.images.images[:5] / 255
    output = torch.nn.functional.conv2d(images, weights["conv.weight"], weights["conv.bias"], padding=1)
    assert curve(run, "activations/conv/mean")[6] == pytest.approx(output.mean().item(), abs=1e-6)
    assert curve(run, "activations/conv/std")[6] == pytest.approx(output.std(correction=0).item(), rel=1e-5)


@pytest.mark.parametrize("every", [1, 3])
def test_observing_changes_nothing_of_the_training(run: RunFolder, tiny_training: Make, every: int) -> None:
    alone, observed = tiny_training(), tiny_training()
    torch.manual_seed(7)
    fit(alone.state, alone.task, runtime=alone.runtime)
    torch.manual_seed(7)
    train_observed(run, observed, every=every)
    for key, value in alone.state.model.state_dict().items():
        assert torch.equal(value, observed.state.model.state_dict()[key]), key


def test_a_training_resumed_right_before_an_observed_step_knows_the_weights_of_before(
    run: RunFolder, tiny_training: Make
) -> None:
    training = tiny_training(epochs=1)
    training.state.progress.step = 2  # as a checkpoint within an epoch says; the third step is the first it takes
    train_observed(run, replace(training, task=replace(training.task, epochs=1)))
    assert list(curve(run, "update_ratio/conv")) == [3, 6]
    assert list(curve(run, "activations/conv/mean")) == [3, 6]
