"""Every file in configs/ is valid, and the command in its head runs."""

import json
import re
from collections.abc import Callable
from itertools import takewhile
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import nn

from cifar_cli import config
from cifar_cli.builders.build_model import build_model
from cifar_cli.config import to_flow_yaml
from cifar_cli.config.config_files import builtins
from cifar_cli.config.schema import CHOICES
from cifar_cli.optim.schedules.table import SCHEDULES
from cifar_cli.optim.table import AVERAGES, OPTIMIZERS

FOLDER = Path(__file__).parents[1] / "configs"
FILES = sorted(FOLDER.rglob("*.yaml"))
NAMES = [path.relative_to(FOLDER).with_suffix("").as_posix() for path in FILES]
EXPECTED = {"quickstart", "tutorial", "sequential", "cnn", "mlp"} | {
    f"layers/{name}" for name in ("conv1", "maxpool", "relu", "sigmoid")
}


def test_every_file_is_a_built_in_and_the_documented_ones_exist() -> None:
    assert set(NAMES) == set(builtins())
    assert set(NAMES) >= EXPECTED
    assert not list(FOLDER.rglob("*.yml"))


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_a_file_is_valid_and_its_head_has_a_command_to_run_it(path: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("config", "validate", path)
    assert (outcome.code, outcome.out) == (0, f"ok: {path}\n")
    assert "warning" not in outcome.err
    name = path.relative_to(FOLDER).with_suffix("").as_posix()
    commands = [line for line in path.read_text().splitlines() if line.startswith("#   cifar ")]
    assert any(command.endswith(f"--config {name}") for command in commands)


def head_of(path: Path) -> list[str]:
    """Returns the lines of the comment at the head of a file."""
    return list(takewhile(lambda line: line.startswith("#"), path.read_text(encoding="utf-8").splitlines()))


@pytest.mark.parametrize("path", FILES, ids=NAMES)
def test_the_head_has_at_most_15_lines(path: Path) -> None:
    assert 3 <= len(head_of(path)) <= 15


@pytest.mark.parametrize("path", [path for path in FILES if path.parent == FOLDER], ids=lambda path: path.stem)
def test_the_head_has_results_with_date_machine_and_number_of_seeds(path: Path) -> None:
    head = " ".join(line.removeprefix("#").strip() for line in head_of(path))
    measured = head[head.index("Measured ") :]
    assert re.match(
        r"Measured 20\d\d-\d\d-\d\d on two cores of an? (AMD EPYC|Xeon) \(.*?\), (fp32|bf16), torch", measured
    )
    assert re.search(r"\b(one run \(seed 0\)|(three|five) runs \(seeds 0 to [24]\))", measured)
    assert re.search(r"\d\d\.\d+ %.* training, .*whole command.* GiB of memory", measured)


@pytest.mark.parametrize("path", sorted((FOLDER / "gpu").glob("*.yaml")), ids=lambda path: path.stem)
def test_the_head_of_a_recipe_for_a_gpu_says_its_aim_and_that_it_was_not_measured(path: Path) -> None:
    head = " ".join(line.removeprefix("#").strip() for line in head_of(path))
    assert "NOT MEASURED: no machine has run it to its end." in head
    assert re.search(r"Aimed at: 9\d\.?\d* % on the test set", head)


@pytest.mark.parametrize("name", NAMES)
def test_the_command_in_the_head_runs(name: str, cifar: Callable[..., Any], tmp_path: Path) -> None:
    """Draws the layer of a single-layer network; trains other networks for an epoch of few images."""
    experiment = config.load(name)
    small = ["data.name=synthetic", "data.val_size=20", "data.batch_size=20"]
    if name.startswith("layers/"):
        layer = name.partition("/")[2]
        outcome = cifar("visualize-layer", layer, "--config", name, "--images", 1, *small)
        assert outcome.code == 0, outcome.err
        assert config.class_scores_issue(experiment)
        return
    # One epoch leaves no room for a warm-up, nor for a group of parameters that is trained for several.
    small += ["schedule.warmup_epochs=0"] if hasattr(experiment.schedule, "warmup_epochs") else []
    small += [f"optimizer.groups.{i}.epochs=1" for i, group in enumerate(experiment.optimizer.groups) if group.epochs]
    small += ["model.widths=[8, 8]"] if experiment.model.name == "speednet" else []
    if name.startswith("gpu/"):  # the same network, small
        small += [f"model.{key}={to_flow_yaml(value)}" for key, value in type(experiment.model).example.items()]
    outcome = cifar("train", "--config", name, *small, "train.epochs=1", images=(120, 20))
    assert outcome.code == 0, outcome.err
    (run,) = (tmp_path / "logs").iterdir()
    assert run.name.startswith(f"{experiment.name}-synthetic-")
    summary = json.loads((run / "summary.json").read_text())
    assert (summary["status"], summary["name"], summary["epochs"]) == ("completed", experiment.name, 1)


def test_only_the_quickstart_may_fall_back_to_the_synthetic_set() -> None:
    assert [name for name in NAMES if config.load(name).data.fallback] == ["quickstart"]


def test_every_configuration_names_an_optimizer_and_a_schedule_of_the_tables() -> None:
    experiments = [config.load(name) for name in NAMES]
    assert {experiment.optimizer.name for experiment in experiments} <= set(OPTIMIZERS)
    assert {experiment.schedule.name for experiment in experiments} <= set(SCHEDULES)
    assert set(CHOICES["optimizer"].sections()) == set(OPTIMIZERS)
    assert set(CHOICES["schedule"].sections()) == set(SCHEDULES)
    assert set(CHOICES["average"].sections()) == set(AVERAGES)


def test_tutorial_is_the_tutorials_model_layer_by_layer() -> None:
    experiment = config.load("tutorial")
    model = build_model(experiment)
    expected = nn.Sequential(
        nn.Conv2d(3, 32, 5, padding=2),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 32, 5, padding=2),
        nn.MaxPool2d(2),
        nn.Conv2d(32, 64, 5, padding=2),
        nn.MaxPool2d(2),
        nn.Flatten(),
        nn.Linear(1024, 64),
        nn.Linear(64, 10),
    )
    assert [repr(layer) for layer in model.children()] == [repr(layer) for layer in expected]
    assert sum(parameter.numel() for parameter in model.parameters()) == 145_578
    images = torch.rand(64, 3, 32, 32)
    assert model(images).shape == (64, 10)
    expected.load_state_dict(dict(zip(expected.state_dict(), model.state_dict().values(), strict=True)))
    assert torch.equal(model(images), expected(images))


def test_tutorial_trains_as_the_tutorial_does() -> None:
    experiment = config.load("tutorial")
    optimizer = experiment.optimizer.model_dump()
    assert (optimizer["name"], optimizer["lr"], optimizer["momentum"], optimizer["weight_decay"]) == ("sgd", 0.01, 0, 0)
    assert experiment.data.batch_size == 64
    assert (experiment.loss.name, experiment.loss.label_smoothing) == ("cross_entropy", 0)
    assert experiment.schedule.name == "constant"
    assert not experiment.data.normalize
    assert experiment.data.augment == config.Experiment.model_fields["data"].default.augment


def test_sequential_is_the_tutorials_skeleton_with_activations_and_normalizations() -> None:
    tutorial, sequential = (list(build_model(config.load(name)).children()) for name in ("tutorial", "sequential"))
    added = [layer for layer in sequential if isinstance(layer, nn.ReLU | nn.BatchNorm2d)]
    assert [type(layer) for layer in added] == [nn.BatchNorm2d, nn.ReLU] * 3 + [nn.ReLU]
    skeleton = [repr(layer).replace(", bias=False", "") for layer in sequential if layer not in added]
    assert skeleton == [repr(layer) for layer in tutorial]


def test_mlp_is_the_tutorials_perceptron_on_cifar10() -> None:
    model = build_model(config.load("mlp"))
    expected = [nn.Flatten(), nn.Linear(3072, 256), nn.ReLU(), nn.Linear(256, 10)]
    assert [repr(layer) for layer in model.children()] == [repr(layer) for layer in expected]


def test_one_epoch_on_the_real_images_is_far_above_chance(
    real_data: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    words = [f"data.root={real_data}", "train.epochs=1", "schedule.warmup_epochs=0", "log.images_every=0"]
    trained = cifar("train", "--config", "mlp", *words)
    assert trained.code == 0, trained.err
    (run,) = (tmp_path / "logs").iterdir()
    assert run.name.startswith("mlp-20")
    summary = json.loads((run / "summary.json").read_text())
    assert summary["dataset"] == "cifar10"
    assert "(45,000 training, 5,000 validation, 10,000 test images)" in trained.err
    measured = json.loads(cifar("eval", "--json").out)
    assert measured["images"] == 10_000
    assert [sum(row) for row in measured["confusion"]] == [1000] * 10
    assert measured["accuracy"] == summary["test"]["accuracy"]
    assert measured["accuracy"] > 0.3  # chance is 0.1
    assert measured["synthetic"] is False
