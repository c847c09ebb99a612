"""Overrides on a parsed experiment: what `load` with the same words gives, and the same mistakes."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

from pathlib import Path

import pytest

from cifar_cli.config import Experiment, load
from cifar_cli.config.change import with_overrides
from cifar_cli.config.config_files import builtins
from cifar_cli.errors import ConfigError

LAYERS = """\
model:
  layers:
    - conv1: {type: Conv2d, out_channels: 4, kernel_size: 3}
    - relu1: ReLU
    - flatten: Flatten
    - fc1: {type: Linear, out_features: 10}
"""
GROUPS = """\
model: {name: mlp}
optimizer: {lr: 0.1, momentum: 0.9, groups: [{parameters: ["*.bias"], lr: 0.2}, {name: adam, parameters: [fc1.*]}]}
"""


def changed(experiment: Experiment, *overrides: str) -> Experiment:
    return with_overrides(experiment, overrides, location="run.yaml")


@pytest.fixture
def config_file(tmp_path: Path) -> Path:
    return tmp_path / "x.yaml"


@pytest.mark.parametrize("name", builtins())
def test_overriding_an_experiment_equals_loading_its_file_with_the_overrides(name: str) -> None:
    overrides = ["seed=7", "train.epochs=20", "evaluation.tta=mirror"]
    assert changed(load(name), *overrides) == load(name, overrides)
    assert changed(load(name)) == load(name)


@pytest.mark.parametrize(
    ("text", "override"),
    [
        (LAYERS, "model.layers.conv1.bias=false"),
        (LAYERS, "model.layers.0.padding_mode=reflect"),
        (LAYERS, "model.layers.relu1=Tanh"),
        (LAYERS, "model.layers.relu1.inplace=true"),
        (LAYERS, "optimizer={name: adam, lr: 1e-3}"),
        (LAYERS, "model={name: cnn, widths: [4, 8]}"),
        (LAYERS, "data.augment={flip: random}"),
        (GROUPS, "optimizer.groups.0.lr=0.3"),
        (GROUPS, "optimizer.groups.1.betas=[0.8, 0.99]"),
        (GROUPS, "optimizer.groups=[]"),
        (GROUPS, "optimizer.groups=[{parameters: [fc2.*], epochs: 2}]"),
    ],
)
def test_one_override_of_layers_or_groups_equals_loading_with_it(config_file: Path, text: str, override: str) -> None:
    config_file.write_text(text)
    experiment = load(config_file)
    assert changed(experiment, override) == load(config_file, [override]) != experiment


def test_a_group_keeps_its_settings_when_the_section_changes(config_file: Path) -> None:
    # A parsed group has all settings; only in a file are they the section's until the group has its own.
    config_file.write_text(GROUPS)
    optimizer = changed(load(config_file), "optimizer.momentum=0.5").optimizer
    own, other = optimizer.groups
    assert (optimizer.lr, dict(optimizer)["momentum"]) == (0.1, 0.5)
    assert (own.lr, dict(own)["momentum"]) == (0.2, 0.9)
    assert other.name == "adam"


@pytest.mark.parametrize(
    ("override", "message"),
    [
        ("seed=x", "command line: seed: expected a whole number, 0 or more and below 2**63, found 'x'; write for example 0"),
        ("sed=1", "command line: sed: unknown key; did you mean 'seed'?"),
        ("train.epoch=3", "command line: train.epoch: unknown key; did you mean 'epochs'?"),
        ("optimizer.lrr=1", "command line: optimizer.lrr: sgd has no such key; did you mean 'lr'?"),
        ("seed", "command line: expected key=value, found 'seed'; write for example optimizer.lr=0.05"),
        ("model.layers.con1.bias=false", "command line: model.layers.con1.bias: no layer is named 'con1'; did you mean 'conv1'?"),
        ("model.layers.fc1.in_features=3", "command line: model.layers.fc1.in_features: expected 3600 (flatten gives 4×30×30 = 3600), found 3; write in_features: 3600, or leave it out"),
        ("data.val_size=50000", "command line: data.val_size: expected fewer than the 50000 training images of cifar10, found 50000; write for example 5000"),
    ],
)  # fmt: skip
def test_a_wrong_override_is_reported_with_the_command_line_as_its_location(
    config_file: Path, override: str, message: str
) -> None:
    config_file.write_text(LAYERS)
    with pytest.raises(ConfigError) as caught:
        changed(load(config_file), override)
    assert caught.value.issues == (message,)


def test_an_override_that_contradicts_another_key_is_reported_at_the_experiments_location() -> None:
    with pytest.raises(ConfigError) as caught:
        changed(load("mlp", ["schedule.warmup_epochs=2"]), "train.epochs=1")
    assert caught.value.issues == (
        "run.yaml: schedule.warmup_epochs: expected fewer than the 1 epoch of train.epochs, found 2; set schedule.warmup_epochs to 0",
    )


def test_an_override_that_contradicts_an_inferred_argument_is_reported(config_file: Path) -> None:
    # A parsed experiment has the numbers that were inferred from its file.
    config_file.write_text(LAYERS)
    with pytest.raises(ConfigError) as caught:
        changed(load(config_file), "model.layers.conv1.padding=1")
    assert caught.value.issues == (
        "run.yaml: model.layers.fc1.in_features: expected 4096 (flatten gives 4×32×32 = 4096), found 3600; "
        "write in_features: 4096, or leave it out",
    )


def test_all_mistakes_are_reported_at_once_and_the_experiment_stays_the_same() -> None:
    experiment = load("mlp")
    with pytest.raises(ConfigError) as caught:
        changed(experiment, "seed=x", "train.epoch=3")
    assert [issue.split(": ")[:2] for issue in caught.value.issues] == [
        ["command line", "seed"],
        ["command line", "train.epoch"],
    ]
    assert experiment == load("mlp")
