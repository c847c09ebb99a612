"""Writes `key=value` words of the command line into a configuration's data. Unknown keys are reported later."""

from collections.abc import Sequence
from itertools import pairwise

from cifar_cli.config.keys import text_keys
from cifar_cli.config.messages import found, nearest
from cifar_cli.config.yaml.document import Document, Plain, read_value
from cifar_cli.config.yaml.parser import control_character_in
from cifar_cli.config.yaml.scalars import NULL
from cifar_cli.config.yaml.source_locations import COMMAND_LINE, Issue, KeyPath, dotted

LAYERS = ("model", "layers")


class _UnreachableKeyError(Exception):
    """A part of the key does not exist and cannot be created."""


def override(document: Document, words: Sequence[str]) -> None:
    """Sets each `key=value` in the document; a later word wins. Mistakes are added to the document's issues."""
    for word in words:
        key, equals, text = word.partition("=")
        parts = key.strip().split(".")
        if not equals:
            finding = f"expected key=value, found {word!r}"
            document.issues.append(Issue((), finding, "write for example optimizer.lr=0.05", location=COMMAND_LINE))
        elif not all(parts):
            finding = f"expected a key before the '=', its parts joined by '.', found {word!r}"
            document.issues.append(Issue((), finding, "write for example optimizer.lr=0.05", location=COMMAND_LINE))
        else:
            value, issues = _read(text, tuple(parts))
            document.issues += issues
            if not issues:
                _set(document, parts, value)


def _read(text: str, parts: tuple[str, ...]) -> tuple[Plain, list[Issue]]:
    """Returns the value of the text after `key=`, and the issues.

    A key that holds text takes the text as typed: `name=2024` needs no quotes, which a shell takes away, and `a #b` has
    no comment. Quotes around the whole, as YAML has them, are taken away too.
    """
    is_nullable = text_keys().get(".".join(parts))
    if is_nullable is None or (is_nullable and text in NULL):
        return read_value(text, parts)
    if len(text) > 1 and text[0] == text[-1] and text[0] in "'\"":
        value, issues = read_value(text, parts)
        return (value, issues) if isinstance(value, str) else (text, [])
    if finding := control_character_in(text):
        return None, [Issue(parts, finding, location=COMMAND_LINE)]
    return text, []


def _set(document: Document, parts: list[str], value: Plain) -> None:
    target: Plain = document.data
    path: KeyPath = ()
    try:
        for part, following in pairwise(parts):
            target, path = _descend(document, target, path, part, following)
        path = _assign(target, path, parts[-1], value)
    except _UnreachableKeyError as error:
        document.issues.append(Issue(tuple(parts), str(error), location=COMMAND_LINE))
    else:
        document.locations.set_on_command_line(path)


def _descend(document: Document, target: Plain, path: KeyPath, part: str, following: str) -> tuple[Plain, KeyPath]:
    """Returns the value under `part`, with its path; creates a missing section, of which `following` is a key."""
    if isinstance(target, list):
        index = _index(target, path, part)
        item = target[index]
        if path == LAYERS and isinstance(item, dict) and len(item) == 1:
            return _layer_section(item), (*path, index, *item)
        return item, (*path, index)
    section = _section(target, path)
    path = (*path, part)
    if section.get(part) is None:
        if following.isdecimal():
            name = dotted(path)
            raise _UnreachableKeyError(f"{name} has no item {following}, it is empty; write all of it: {name}=[…]")
        section[part] = {}
        document.locations.set_on_command_line(path)
    return section[part], path


def _assign(target: Plain, path: KeyPath, part: str, value: Plain) -> KeyPath:
    """Sets `part` of the target and returns the path of the new value."""
    if isinstance(target, list):
        index = _index(target, path, part)
        item = target[index]
        if path == LAYERS and isinstance(item, dict) and len(item) == 1:
            name = next(iter(item))
            item[name] = value
            return (*path, index, name)
        target[index] = value
        return (*path, index)
    _section(target, path)[part] = value
    return (*path, part)


def _section(target: Plain, path: KeyPath) -> dict[str, Plain]:
    if not isinstance(target, dict):
        raise _UnreachableKeyError(f"{path[-1]} holds no keys, it is {found(target)}")
    return target


def _layer_section(entry: dict[str, Plain]) -> dict[str, Plain]:
    """Returns the type and arguments of a layer; `relu: ReLU` becomes `relu: {type: ReLU}`."""
    name, layer = next(iter(entry.items()))
    if not isinstance(layer, dict):
        layer = {"type": layer}
        entry[name] = layer
    return layer


def _index(items: list[Plain], path: KeyPath, part: str) -> int:
    """Returns the index of an item, given by number from 0 or, among layers, by name."""
    if part.isdecimal():
        if len(part) < 10 and int(part) < len(items):
            return int(part)
        raise _UnreachableKeyError(f"expected a number below {len(items)}, the length of the list, found {part}")
    if path != LAYERS:
        raise _UnreachableKeyError(f"expected the number of an item of the list, from 0, found {part!r}")
    names = [next(iter(item)) for item in items if isinstance(item, dict) and len(item) == 1]
    for index, item in enumerate(items):
        if isinstance(item, dict) and list(item) == [part]:
            return index
    hint = nearest(part, names) or f"; the layers are {', '.join(names)}"
    raise _UnreachableKeyError(f"no layer is named '{part}'{hint}")
