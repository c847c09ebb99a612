"""Finds, in a configuration that was written, values by their paths, and the tables that sections are chosen from."""

from collections.abc import Mapping
from typing import Any

from cifar_cli.config.schema import CHOICES
from cifar_cli.config.sections import GROUP
from cifar_cli.config.yaml.source_locations import KeyPath
from cifar_cli.section import ChosenFrom

GROUPS: KeyPath = ("optimizer", "groups")


def choice_at(path: KeyPath) -> ChosenFrom | None:
    """Returns the table that the name of the section at `path` chooses from, None for other sections."""
    if len(path) == 3 and path[:2] == GROUPS:
        return GROUP
    return CHOICES.get(str(path[0])) if len(path) == 1 else None


def value_at(path: KeyPath, data: Mapping[str, object]) -> object:
    """Returns the value that was written at the path."""
    value: Any = data
    for part in path:
        value = value[part]
    return value


def name_at(path: KeyPath, data: Mapping[str, object]) -> str:
    """Returns the name that chooses the keys of the section at `path`."""
    values = value_at(path, data)
    assert isinstance(values, dict)
    return str(values["name"])
