"""Experiments as YAML: equal when loaded again, and read alike by other YAML parsers."""

import json
from pathlib import Path

import pytest
import yaml

from cifar_cli.config import dump, load, load_text, to_flow_yaml
from cifar_cli.config.config_files import builtins
from cifar_cli.config.dump import to_plain
from cifar_cli.config.schema import CHOICES


@pytest.mark.parametrize("name", builtins())
def test_every_built_in_is_equal_after_dump_and_load(name: str) -> None:
    experiment = load(name)
    assert load_text(dump(experiment), location="x.yaml") == experiment


@pytest.mark.parametrize("name", builtins())
def test_the_plain_data_of_every_built_in_loads_as_an_equal_experiment(name: str) -> None:
    experiment = load(name)
    # json.dumps accepts plain data only, and JSON is YAML.
    assert load_text(json.dumps(to_plain(experiment)), location="x.yaml") == experiment


@pytest.mark.parametrize(
    ("section", "name"), [(section, name) for section, choice in CHOICES.items() for name in choice.table]
)
def test_every_entry_of_every_table_is_equal_after_dump_and_load(
    section: str, name: str, photos: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(photos.parent)  # the example of a person's own images names them by a relative path
    keys = to_flow_yaml({**CHOICES[section].table[name].example, "name": name})
    overrides = [f"{section}={keys}", "data.val_size=1"]  # a dataset may be smaller than the default val_size
    experiment = load_text("model: {name: mlp}", location="x.yaml", overrides=overrides)
    assert getattr(experiment, section).name == name
    assert load_text(dump(experiment), location="x.yaml") == experiment


@pytest.mark.parametrize(
    "root",
    ["data", "/a b", "no", "null", "1e-3", "12", "a: b", "a #b", "#a", "'", '"', "\\", "é😀", "{a}", "[a]", "-", "- a",
     "a" * 300, " a ", "*a", "&a", "!a", "%a", "@a", "2024-01-01", "1:30", ",", "a, b", "~", "C:\\data", "$HOME"],
)  # fmt: skip
def test_any_text_survives(root: str) -> None:
    experiment = load_text("model: {name: mlp}", location="x.yaml")
    data = experiment.data.model_copy(update={"root": root})
    changed = experiment.model_copy(update={"data": data})
    text = dump(changed)
    assert load_text(text, location="x.yaml") == changed
    assert yaml.safe_load(text)["data"]["root"] == root  # also with the rules of YAML 1.1


def test_numbers_are_numbers_to_other_readers_of_yaml() -> None:
    words = ["optimizer={name: adam, lr: 1e-5}"]
    text = dump(load_text("model: {name: mlp}", location="x.yaml", overrides=words))
    assert yaml.safe_load(text)["optimizer"]["lr"] == 1e-5


def test_layers_stand_one_to_a_line() -> None:
    text = dump(load("tutorial"))
    assert "    - conv1: {type: Conv2d, in_channels: 3, out_channels: 32, kernel_size: 5, padding: 2}\n" in text
    assert "    - flatten: Flatten\n" in text


def test_groups_stand_one_to_a_line_with_the_settings_that_they_inherit() -> None:
    words = [
        "optimizer={lr: 0.2, momentum: 0.9, groups: [{parameters: [a.*, b]}, {name: muon, parameters: ['*.weight']}]}"
    ]
    experiment = load_text("model: {name: mlp}", location="x.yaml", overrides=words)
    text = dump(experiment)
    assert load_text(text, location="x.yaml") == experiment
    group = "lr: 0.2, weight_decay: 0.0, decay_norm_and_bias: false, momentum: 0.9, nesterov: false}"
    assert '  groups:\n    - {name: sgd, parameters: ["a.*", b], epochs: null, ' + group + "\n" in text
    assert '    - {name: muon, parameters: ["*.weight"], epochs: null, lr: 0.24, ' in text


def test_a_long_text_stays_on_one_line() -> None:
    folder = " ".join(["a folder of runs"] * 20)
    experiment = load("mlp", [f"log.dir={folder}"])
    text = dump(experiment)
    assert f'  dir: "{folder}"\n' in text or f"  dir: {folder}\n" in text
    assert load_text(text, location="x.yaml") == experiment
