"""The keys of a configuration as the command line has them: all that can be set, and values that can be."""

from typing import Any

import pytest

from cifar_cli.config import Experiment, load
from cifar_cli.config.config_files import builtins
from cifar_cli.config.keys import EVALUATION_KEYS, RESUME_KEYS, dotted_keys
from cifar_cli.section import Section

FREE = ("name", "seed", "loss", "train", "evaluation", "log")  # whose values hold whatever the other sections are


def test_every_offered_value_can_be_set() -> None:
    free = {key: values for key, values in dotted_keys().items() if key.partition(".")[0] in FREE}
    del free["log.feature_layers"]  # these have to be the model's
    assert len(free) > 20
    for key, values in free.items():
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


def test_a_chosen_name_has_its_own_keys_and_no_name_those_of_all() -> None:
    cnn = {key for key in dotted_keys(names={"model": "cnn"}) if key.startswith("model.")}
    assert cnn == {"model.name", "model.widths", "model.dropout"}
    assert cnn | {"model.hidden", "model.layers"} < set(dotted_keys())


def test_literals_and_booleans_have_all_their_values() -> None:
    keys = dotted_keys()
    assert keys["train.precision"] == ["auto", "fp32", "bf16", "fp16"]
    assert keys["train.compile"] == ["true", "false"]
    assert keys["data.augment.flip"] == ["random", "alternating", "null"]
    assert keys["model.name"] == ["sequential", "mlp", "cnn", "speednet"]


def test_what_may_be_changed_of_a_run_exists() -> None:
    known = {*dotted_keys(), *Experiment.model_fields}
    assert {*EVALUATION_KEYS, *RESUME_KEYS} <= known
