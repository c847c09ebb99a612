"""`cifar visualize-layer` before and after training, and over time."""

import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.figures.over_time_sheet import draw_over_time_sheet
from cifar_cli.inspection import training_history_figures
from cifar_cli.runs.recorded_features import read_recorded_layer, remove_recorded_after, write_recorded_layers


def test_compare_states_the_dead_units_before_and_after_training(
    run: Path, cifar: Callable[..., Any], small_splits: Splits
) -> None:
    outcome = cifar("visualize-layer", "conv1", "--compare", "--weights", "last")
    assert outcome.code == 0, outcome.err
    assert small_splits.val is not None
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (small_splits.mean, small_splits.std))
    images = (small_splits.val.images / 255 - mean) / std

    def describe(weight: Tensor, bias: Tensor) -> str:
        zero = F.conv2d(images, weight, bias, padding=1) <= 0
        dead = int(zero.all(dim=3).all(dim=2).all(dim=0).sum())
        return (
            f"After relu1: over 100 images {100 * zero.double().mean():.1f} % of the values are zero; {dead} of 8 "
            f"units ({100 * dead / 8:.0f} %) are dead, zero for every one of them."
        )

    weights = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]
    torch.manual_seed(0)
    fresh = torch.nn.Conv2d(3, 8, 3, padding=1)  # the weights of the first layer are drawn first
    assert outcome.out.splitlines() == [
        f"untrained: {describe(fresh.weight.detach(), fresh.bias.detach())}",
        f"trained: {describe(weights['conv1.weight'], weights['conv1.bias'])}",
        "untrained: its weights are drawn from seed 0, the run's own.",
    ]


def test_over_time_draws_every_recorded_step_of_a_short_training(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("visualize-layer", "conv1", "--over-time")
    assert outcome.out == "conv1 at 3 of 3 recorded times.\n"  # before training, and after each of two epochs


def test_over_time_draws_the_recorded_values(run: Path, cifar: Callable[..., Any]) -> None:
    cifar("visualize-layer", "conv1", "--over-time")
    before = (run / "images" / "conv1-over-time.png").read_bytes()
    layers = read_recorded_layer(run / "features", "conv1")
    last = max(layers)
    write_recorded_layers(
        run / "features", {"conv1": replace(layers[last], features=-layers[last].features)}, step=last
    )
    cifar("visualize-layer", "conv1", "--over-time")
    assert (run / "images" / "conv1-over-time.png").read_bytes() != before


def test_a_long_training_is_drawn_at_twelve_evenly_spread_steps(
    run: Path, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    layer = read_recorded_layer(run / "features", "conv1")[0]
    remove_recorded_after(run / "features", -1)
    for step in range(0, 1110, 10):  # 0, 10, … 1100
        write_recorded_layers(run / "features", {"conv1": layer}, step=step)
    drawn = {}

    def spy(name: str, **arguments: Any) -> Any:
        drawn.update(arguments)
        return draw_over_time_sheet(name, **arguments)

    monkeypatch.setattr(training_history_figures, "draw_over_time_sheet", spy)
    outcome = cifar("visualize-layer", "conv1", "--over-time")
    assert outcome.out == "conv1 at 12 of 111 recorded times.\n"
    assert drawn["times"] == ["untrained", *(f"step {step}" for step in range(100, 1101, 100))]


def test_a_layer_recorded_once_is_an_error(run: Path, cifar: Callable[..., Any]) -> None:
    remove_recorded_after(run / "features", 0)
    outcome = cifar("visualize-layer", "conv1", "--over-time")
    assert outcome.code == 1
    assert "features: expected the values of conv1 from several epochs, found those of one epoch; " in outcome.err


def test_a_run_of_an_older_version_is_an_error_that_says_so(run: Path, cifar: Callable[..., Any]) -> None:
    shutil.rmtree(run / "features")
    outcome = cifar("visualize-layer", "conv1", "--over-time")
    assert outcome.code == 1
    assert outcome.err.endswith(
        f"logs/{run.name}/features: expected the values of conv1 from several epochs, found no such folder: an older "
        f"version of cifar made this run; train again with: cifar train --config logs/{run.name}/config.yaml\n"
    )
    outcome = cifar("visualize-layer", "pool1", "--over-time")
    assert "found none of any layer; training records the layers of log.feature_layers: " in outcome.err


def test_a_damaged_file_of_recorded_layers_is_an_error(run: Path, cifar: Callable[..., Any]) -> None:
    path = run / "features" / "0.npz"
    path.write_bytes(path.read_bytes()[:100])
    outcome = cifar("visualize-layer", "conv1", "--over-time")
    assert (outcome.code, outcome.out) == (1, "")
    assert f"logs/{run.name}/features/0.npz: expected the layers that training recorded, found a damaged" in outcome.err
    assert "Traceback" not in outcome.err
