"""The dotted keys of a configuration, and the values that the command line offers for them."""

from typing import Any

import pytest

from cifar_cli.config import Experiment, load
from cifar_cli.config.config_files import builtins
from cifar_cli.config.keys import EVALUATION_KEYS, RESUME_KEYS, dotted_keys, is_known_key
from cifar_cli.config.schema import CHOICES
from cifar_cli.section import Section

INDEPENDENT = ("name", "seed", "train", "evaluation", "log")  # sections that no other section restricts


def test_every_offered_value_can_be_set() -> None:
    independent = {key: values for key, values in dotted_keys().items() if key.partition(".")[0] in INDEPENDENT}
    del independent["log.feature_layers"]  # must be layers of the model
    assert len(independent) > 20
    for key, values in independent.items():
        for value in values:
            load("mlp", [f"{key}={value}"])


@pytest.mark.parametrize("name", builtins())
def test_every_key_that_a_configuration_writes_out_is_listed(name: str) -> None:
    def written(section: Any, prefix: str = "") -> set[str]:
        keys: set[str] = set()
        for key, value in section:
            keys |= written(value, f"{prefix}{key}.") if isinstance(value, Section) else {f"{prefix}{key}"}
        return keys

    experiment = load(name)
    listed = set(dotted_keys(experiment))
    assert written(experiment) <= listed
    assert all(key.startswith("model.layers.") for key in listed - written(experiment))


def test_a_chosen_name_has_its_own_keys_and_without_a_name_the_keys_of_all_are_listed() -> None:
    cnn = {key for key in dotted_keys(names={"model": "cnn"}) if key.startswith("model.")}
    assert cnn == {"model.name", "model.widths", "model.dropout"}
    assert cnn | {"model.hidden", "model.layers"} < set(dotted_keys())


def test_literals_and_booleans_have_all_their_values() -> None:
    keys = dotted_keys()
    assert keys["train.precision"] == ["auto", "fp32", "bf16", "fp16"]
    assert keys["train.compile"] == ["true", "false"]
    assert keys["data.augment.flip"] == ["random", "alternating", "null"]


@pytest.mark.parametrize("section", CHOICES)
def test_the_name_of_a_section_has_all_names_of_its_table(section: str) -> None:
    assert dotted_keys()[f"{section}.name"] == list(CHOICES[section].table)


def test_the_keys_that_are_known_are_those_that_are_listed_the_sections_and_those_of_layers() -> None:
    assert [key for key in dotted_keys() if not is_known_key(key)] == []
    assert all(map(is_known_key, ("data", "optimizer", "model.layers.conv1.padding")))
    strange = ("", ".", "data.", "data.augment", "optimizer.lr.0", "lr", "seed.seed", "optimizer.optimizer.lr")
    assert [key for key in strange if is_known_key(key)] == []


def test_keys_that_may_be_changed_after_the_start_exist() -> None:
    known = {*dotted_keys(), *Experiment.model_fields}
    assert {*EVALUATION_KEYS, *RESUME_KEYS} <= known
