"""Turns pydantic's errors about an experiment into issues in the project's words."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from cifar_cli.config.first_guesses import accumulation_mend, foreign_program, full_key
from cifar_cli.config.keys import dotted_keys
from cifar_cli.config.messages import format_value, found, nearest
from cifar_cli.config.number_slips import meant_number
from cifar_cli.config.schema import CHOICES, RENAMED_KEYS, Experiment
from cifar_cli.config.sections import GROUP, DataKeys
from cifar_cli.config.yaml.source_locations import COMMAND_LINE, Issue, KeyPath, SourceLocations, dotted
from cifar_cli.data.transforms.table import AUGMENT
from cifar_cli.section import ChosenFrom, Section

GROUPS: KeyPath = ("optimizer", "groups")
AUGMENT_PATH: KeyPath = ("data", "augment")


def validation_issues(error: ValidationError, data: Mapping[str, object], locations: SourceLocations) -> list[Issue]:
    """Returns an issue for each of pydantic's errors. data: what was validated; locations: where its keys stand."""
    return [_issue(details, data, locations) for details in error.errors(include_url=False)]


def _issue(details: ErrorDetails, data: Mapping[str, object], locations: SourceLocations) -> Issue:
    path: KeyPath = details["loc"]
    is_missing = details["type"] == "missing"
    if is_missing and isinstance(path[-1], int):
        path, is_missing = path[:-1], False  # a list that is too short is wrong as a whole
    if details["type"] == "unknown_name":
        return _unknown_name((*path, "name"), data)
    section, field = _find(path, data)
    if details["type"] == "extra_forbidden":
        return _unknown_key(path, section, data, locations)
    assert field is not None, path
    expected, example = expectation(field)
    value = details["input"]
    if is_missing and path[0] == "model" and getattr(section, "is_own", False):
        mend = "write another model, and name your network on the command line: --model FILE.py:NAME"
        return Issue(path, f"expected {expected}, found nothing", mend)
    if is_missing:
        written = format_value({path[-1]: example})[1:-1]
        return Issue(path, f"expected {expected}, found nothing", f"write for example {written}")
    if details["type"] == "string_type" and isinstance(value, int | float):
        # On the command line the value stands in a list: a key of one text takes what is typed.
        around = ", and double quotes around the whole word" if locations.of_value(path) == COMMAND_LINE else ""
        return Issue(path, f"expected text, found {found(value)}", f"write '{format_value(value)}' in quotes{around}")
    near = ""
    if details["type"] == "literal_error" and isinstance(value, str):
        choices = details["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        near = nearest(value, choices).removeprefix("; ")
    mend = near or _meant(value, field, path, locations) or f"write for example {format_value(example)}"
    return Issue(path, f"expected {expected}, found {found(value)}", mend)


def _meant(value: object, field: FieldInfo, path: KeyPath, locations: SourceLocations) -> str:
    """Returns what to write instead of a number in another notation, such as `0,05`; empty for other values."""
    number = meant_number(value, field)
    if number is None:
        return ""
    is_typed = locations.of_value(path) == COMMAND_LINE
    return f"write {dotted(path)}={format_value(number)}" if is_typed else f"write {format_value(number)}"


def expectation(field: FieldInfo) -> tuple[str, Any]:
    """Returns what a key's value has to be, in words, and an example."""
    example = (field.examples or [field.default])[0]
    if field.description is None and get_origin(field.annotation) is Literal:
        return f"one of {', '.join(map(str, get_args(field.annotation)))}", example
    assert field.description is not None, field
    return field.description, example


def _choice(path: KeyPath) -> ChosenFrom | None:
    """Returns the table that the name of the section at `path` chooses from, None for other sections."""
    if len(path) == 3 and path[:2] == GROUPS:
        return GROUP
    return CHOICES.get(str(path[0])) if len(path) == 1 else None


def _find(path: KeyPath, data: Mapping[str, object]) -> tuple[type[Section], FieldInfo | None]:
    """Returns the innermost section on the path, and the innermost field in it, None where the key is unknown."""
    section: type[Section] = Experiment
    field: FieldInfo | None = None
    for depth, part in enumerate(path):
        here = path[: depth + 1]
        if not isinstance(part, int):
            field = section.model_fields.get(part)
        elif path[:depth] != GROUPS:
            break  # an item of a list: the description of the list describes its items too
        if field is None or depth == len(path) - 1:
            break
        if choice := _choice(here):
            section = choice.keys_of(_name_at(here, data))
        elif here == AUGMENT_PATH:
            section = AUGMENT.section()
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            section = field.annotation
    return section, field


def _name_at(path: KeyPath, data: Mapping[str, object]) -> str:
    """Returns the name that chooses the keys of the section at `path`."""
    values = _value(path, data)
    assert isinstance(values, dict)
    return str(values["name"])


def _value(path: KeyPath, data: Mapping[str, object]) -> object:
    value: Any = data
    for part in path:
        value = value[part]
    return value


def _unknown_key(
    path: KeyPath, section: type[Section], data: Mapping[str, object], locations: SourceLocations
) -> Issue:
    key, known = str(path[-1]), sorted(section.model_fields, key=lambda key: (key != "name", key == "groups"))
    if moved := RENAMED_KEYS.get(dotted(path)):
        name = moved if locations.of_key(path) == COMMAND_LINE else moved.rpartition(".")[2]
        return Issue(path, f"is called {moved} now", f"write {name}", at_key=True)
    is_typed = locations.of_key(path) == COMMAND_LINE
    if mend := accumulation_mend(key, _value(path, data), batch_size=_batch_size(data), is_typed=is_typed):
        return Issue(path, "unknown key", mend, at_key=True)
    if elsewhere := _in_other_sections(path, data) or _meant_by(path):
        return Issue(path, "unknown key here", _move_to(elsewhere, path, data, locations), at_key=True)
    outer = path[:-1]
    if program := foreign_program(key):
        finding = f"belongs to a configuration of {program}, which names classes; here names come from tables"
        return Issue(path, finding, "begin with an example: cifar config copy sequential mine.yaml", at_key=True)
    if not outer or outer == ("data",) or _choice(outer) is None:  # a dataset's name is one key of `data` among many
        return Issue(path, "unknown key", _near(key, known), at_key=True)
    name = _name_at(outer, data)
    name_location = locations.of_value((*outer, "name"))
    # The name was changed on the command line, and the file's other keys stayed behind.
    if len(outer) == 1 and name_location == COMMAND_LINE and locations.of_key(path) != COMMAND_LINE:
        word = f"{outer[0]}={{name: {name}}}"
        finding = f"{name}, chosen by {outer[0]}.name on the command line, has no such key"
        return Issue(path, finding, f"replace the whole section: '{word}'", at_key=True, word=word)
    return Issue(path, f"{name} has no such key", _near(key, known), at_key=True)


def _batch_size(data: Mapping[str, object]) -> object:
    images = data.get("data")
    default = DataKeys.model_fields["batch_size"].default
    return images.get("batch_size", default) if isinstance(images, dict) else default


def _in_other_sections(path: KeyPath, data: Mapping[str, object]) -> list[str]:
    """Returns the dotted keys of other sections that end in the last part of `path`: of `epochs`, `train.epochs`."""
    if not isinstance(path[-1], str):
        return []
    names = {key: str(value["name"]) for key, value in data.items() if isinstance(value, dict) and value.get("name")}
    return [key for key in dotted_keys(names=names) if key.endswith(f".{path[-1]}")]


def _meant_by(path: KeyPath) -> list[str]:
    """Returns the key that other programs, or a slip, call so: of `learning_rate`, `optimizer.lr`."""
    full = full_key(str(path[0])) if len(path) == 1 else None
    return [full] if full else []


def _move_to(keys: Sequence[str], path: KeyPath, data: Mapping[str, object], locations: SourceLocations) -> str:
    """Returns what to write instead of a key that stands in the wrong section."""
    value = format_value(_value(path, data))
    if locations.of_key(path) == COMMAND_LINE:
        return f"write {' or '.join(f'{key}={value}' for key in keys)}"
    return f"write {' or '.join(_nested(key.split('.'), value) for key in keys)}"


def _nested(parts: Sequence[str], value: str) -> str:
    """Returns a line of YAML: `data: {augment: {translate: 4}}`."""
    outer, *inner = parts
    return f"{outer}: {{{_nested(inner, value)}}}" if inner else f"{outer}: {value}"


def _near(key: str, known: Sequence[str]) -> str:
    return nearest(key, known).removeprefix("; ") or f"the keys here are {', '.join(known)}"


def _unknown_name(path: KeyPath, data: Mapping[str, object]) -> Issue:
    choice = _choice(path[:-1])
    assert choice is not None, path
    values = _value(path[:-1], data)
    value = values.get("name") if isinstance(values, dict) else values
    near = nearest(value, choice.table) if isinstance(value, str) else ""
    if path == ("model", "name") and isinstance(value, str) and re.fullmatch(r".+(\.py)?:\w+", value):
        file, _, name = value.rpartition(":")
        word = f"{file.removesuffix('.py')}.py:{name}"
        near = f"a configuration cannot run code: name your network on the command line, --model {word}"
    mend = near.removeprefix("; ") or f"write for example {next(iter(choice.table))}"
    return Issue(path, f"expected one of {', '.join(choice.table)}, found {found(value)}", mend)
