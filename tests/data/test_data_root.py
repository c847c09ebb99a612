"""The folder of the datasets: the one given, the environment's, and the default, each with its reason."""

from pathlib import Path

import pytest

from cifar_cli.data.data_root import data_root, data_root_reason
from cifar_cli.errors import UsageError


def test_root_is_the_one_given_else_the_environments_else_data(monkeypatch: pytest.MonkeyPatch) -> None:
    assert (data_root(None), data_root_reason(None)) == (Path("data"), "the default; CIFAR_DATA_DIR changes it")
    monkeypatch.setenv("CIFAR_DATA_DIR", "~/images")
    assert (data_root(None), data_root_reason(None)) == (Path.home() / "images", "from CIFAR_DATA_DIR")
    assert (data_root("here"), data_root_reason("here")) == (Path("here"), "as given")


def test_a_variable_that_is_not_defined_is_named_with_its_place(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("NOWHERE", raising=False)
    with pytest.raises(UsageError, match=r"^data\.root: \$NOWHERE/x: expected variables that are defined"):
        data_root("$NOWHERE/x")
    monkeypatch.setenv("CIFAR_DATA_DIR", "$NOWHERE/x")
    with pytest.raises(UsageError, match=r"^CIFAR_DATA_DIR: \$NOWHERE/x: expected"):
        data_root(None)
