"""An experiment with keys changed: what `load` with the same words gives, and the same mistakes."""

import pytest

from cifar_cli.config import load
from cifar_cli.config.change import with_overrides
from cifar_cli.config.config_files import builtins
from cifar_cli.errors import ConfigError


@pytest.mark.parametrize("name", builtins())
def test_changing_a_key_is_loading_with_it(name: str) -> None:
    words = ["seed=7", "train.epochs=3", "evaluation.tta=mirror"]
    assert with_overrides(load(name), words, location="x") == load(name, words)
    assert with_overrides(load(name), [], location="x") == load(name)


def test_every_mistake_is_told_at_once_and_none_changes_anything() -> None:
    experiment = load("mlp")
    with pytest.raises(ConfigError) as caught:
        with_overrides(experiment, ["seed=x", "train.epoch=3"], location="x")
    assert [issue.split(": ")[:2] for issue in caught.value.issues] == [
        ["command line", "seed"],
        ["command line", "train.epoch"],
    ]
    assert "did you mean 'epochs'?" in caught.value.issues[1]
    assert experiment == load("mlp")
