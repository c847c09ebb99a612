"""A configuration's text as plain data, with the place of every key and value. Knows nothing of experiments."""

from dataclasses import dataclass
from typing import TypeAlias

from cifar_cli.config.yaml.parser import Node, UnreadableError, parse
from cifar_cli.config.yaml.source_locations import COMMAND_LINE, Issue, KeyPath, SourceLocation, SourceLocations
from cifar_cli.errors import ConfigError

Plain: TypeAlias = "bool | int | float | str | list[Plain] | dict[str, Plain] | None"


@dataclass
class Document:
    """What a text says; `problems` are mistakes that did not keep it from being read."""

    data: dict[str, Plain]
    places: SourceLocations
    problems: list[Issue]


def read_document(text: str, source: str) -> Document:
    """Returns what the text says.

    source: what to call the text in messages. Raises ConfigError with one problem if it cannot be read.
    """
    root, problems = _parse(text, source)
    if root is None:
        raise ConfigError([f"{source}: expected a configuration, found an empty file; write for example model: ..."])
    if not isinstance(root.value, dict):
        found = "a list" if isinstance(root.value, list) else "a single value"
        raise ConfigError(
            [f"{root.start}: expected keys with values, found {found}; write for example name: experiment"]
        )
    places = SourceLocations(start=SourceLocation(source, 1, 1))
    data = _plain(root, (), places)
    assert isinstance(data, dict)
    return Document(data, places, problems)


def read_value(text: str, path: KeyPath) -> tuple[Plain, list[Issue]]:
    """Returns what the words after `key=` mean; a text that is not YAML is a problem and means null."""
    try:
        node, problems = parse(text, COMMAND_LINE.source)
    except UnreadableError as error:
        return None, [Issue(path, str(error), place=COMMAND_LINE)]
    inside = [Issue((*path, *twice.path), twice.finding, twice.mend, place=COMMAND_LINE) for twice in problems]
    return (_plain(node, (), SourceLocations(COMMAND_LINE)) if node else None), inside


def _parse(text: str, source: str) -> tuple[Node | None, list[Issue]]:
    try:
        return parse(text, source)
    except UnreadableError as error:
        raise ConfigError([f"{error.place}: {error}"]) from error


def _plain(node: Node, path: KeyPath, places: SourceLocations) -> Plain:
    """Returns the value without its places, which go into `places`."""
    # A block begins on the line below its key, where nobody looks for it: the key is its place.
    places.values[path] = places.keys.get(path, node.start) if node.is_block else node.start
    if isinstance(node.value, list):
        return [_plain(item, (*path, index), places) for index, item in enumerate(node.value)]
    if isinstance(node.value, dict):
        places.keys.update({(*path, name): start for name, (start, _) in node.keys.items()})
        return {name: _plain(item, (*path, name), places) for name, item in node.value.items()}
    return node.value
