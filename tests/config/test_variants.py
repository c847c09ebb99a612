"""Variants of one configuration that choose other names in its sections."""

import pytest

from cifar_cli.config.config_files import ConfigFile
from cifar_cli.config.variants import has_key, load_variant
from cifar_cli.errors import ConfigError

FILE = ConfigFile(
    "model: {name: mlp, hidden: [7]}\noptimizer: {name: sgd, lr: 0.3, momentum: 0.5}\n", "small.yaml", "small"
)


def test_another_name_keeps_the_keys_that_it_has_and_leaves_out_the_others() -> None:
    variant = load_variant(FILE, ["train.epochs=2"], ["optimizer.name=adam", "model.name=lenet5"])
    assert variant.left_out == ("optimizer.momentum", "model.hidden")
    assert (variant.experiment.optimizer.name, variant.experiment.optimizer.lr) == ("adam", 0.3)
    assert variant.experiment.name == "small"


def test_the_same_name_leaves_out_nothing() -> None:
    variant = load_variant(FILE, [], ["optimizer.name=sgd"])
    assert variant.left_out == ()
    assert variant.experiment.optimizer.model_dump()["momentum"] == 0.5


def test_a_key_that_no_name_has_stays_a_mistake() -> None:
    with pytest.raises(ConfigError, match="momentun: muon has no such key; did you mean 'momentum'"):
        load_variant(FILE, ["optimizer.momentun=0.1"], ["optimizer.name=muon"])


def test_has_key_is_false_for_an_unknown_name() -> None:
    assert has_key("optimizer", "sgd", "momentum")
    assert not has_key("optimizer", "adam", "momentum")
    assert not has_key("optimizer", "xyz", "momentum")
