"""What the words of a command line are: runs, configurations, changes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.commands.options import is_config, split_words


def test_a_folder_with_an_equals_sign_in_its_name_is_a_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "lr=0.1").mkdir()
    assert split_words(["lr=0.1", "seed=1"]) == ("lr=0.1", ["seed=1"])


def test_a_known_key_makes_an_override_whatever_lies_on_the_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for word in ("optimizer.lr=0.05", "seed=1", "model.layers.conv1.bias=false"):
        (tmp_path / word).mkdir()
        assert split_words([word]) == (None, [word])
        assert split_words([f"./{word}"]) == (word, [])


def test_home_and_variables_in_a_run_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    assert split_words(["~/a b"]) == split_words(["$SCRATCH/a b"]) == (str(tmp_path / "a b"), [])


def test_a_word_is_a_configuration_unless_a_run_has_its_name(run: Path) -> None:
    assert is_config("mlp", log_dir=run.parent)
    assert is_config("anything.yaml", log_dir=run.parent)
    assert is_config("-", log_dir=run.parent)
    assert not is_config(run.name, log_dir=run.parent)
    run.rename(run.parent / "mlp")
    assert not is_config("mlp", log_dir=run.parent)


def test_a_word_that_is_neither_is_an_error_with_both_lists(cifar: Callable[..., Any]) -> None:
    outcome = cifar("explain", "sequentail")
    assert outcome.code == 2
    assert "sequentail: expected a run folder, a checkpoint file, or the name of a run under logs" in outcome.err
    assert "nor is it a configuration: a YAML file, or one of" in outcome.err
