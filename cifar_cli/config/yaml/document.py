"""Reads a configuration's text as plain data, with the location of every key and value."""

from dataclasses import dataclass
from typing import TypeAlias

from cifar_cli.config.yaml.parser import Node, UnreadableError, parse
from cifar_cli.config.yaml.source_locations import COMMAND_LINE, Issue, KeyPath, SourceLocation, SourceLocations
from cifar_cli.errors import ConfigError

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


@dataclass
class Document:
    """The data of a text. issues: mistakes in a text that could still be read."""

    data: dict[str, Plain]
    locations: SourceLocations
    issues: list[Issue]


def read_document(text: str, source: str, *, builtin: str | None = None) -> Document:
    """Returns the data of a text.

    source: the text's name in messages; builtin: its name as a built-in configuration, if it is one. Raises ConfigError
    with one issue if the text cannot be read.
    """
    root, issues = _parse(text, source)
    if root is None:
        raise ConfigError([f"{source}: expected a configuration, found an empty file; write for example model: ..."])
    if not isinstance(root.value, dict):
        found = "a list" if isinstance(root.value, list) else "a single value"
        raise ConfigError(
            [f"{root.start}: expected keys with values, found {found}; write for example name: experiment"]
        )
    locations = SourceLocations(start=SourceLocation(source, 1, 1), builtin=builtin)
    data = _plain(root, (), locations)
    assert isinstance(data, dict)
    return Document(data, locations, issues)


def read_value(text: str, path: KeyPath) -> tuple[Plain, list[Issue]]:
    """Returns the value of the text after `key=`, and the issues. Text that is not YAML is an issue and means null."""
    try:
        node, issues = parse(text, COMMAND_LINE.source)
    except UnreadableError as error:
        return None, [Issue(path, str(error), location=COMMAND_LINE)]
    repeated_keys = [Issue((*path, *issue.path), issue.finding, issue.mend, location=COMMAND_LINE) for issue in issues]
    return (_plain(node, (), SourceLocations(COMMAND_LINE)) if node else None), repeated_keys


def _parse(text: str, source: str) -> tuple[Node | None, list[Issue]]:
    try:
        return parse(text, source)
    except UnreadableError as error:
        raise ConfigError([f"{error.location}: {error}"]) from error


def _plain(node: Node, path: KeyPath, locations: SourceLocations) -> Plain:
    """Returns the plain value of a node, and writes the node's locations into `locations`."""
    # A block begins on the line below its key; readers look for the key.
    locations.values[path] = locations.keys.get(path, node.start) if node.is_block else node.start
    if isinstance(node.value, list):
        return [_plain(item, (*path, index), locations) for index, item in enumerate(node.value)]
    if isinstance(node.value, dict):
        locations.keys.update({(*path, name): start for name, (start, _) in node.keys.items()})
        return {name: _plain(item, (*path, name), locations) for name, item in node.value.items()}
    return node.value
