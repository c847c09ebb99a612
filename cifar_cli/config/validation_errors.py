"""Turns pydantic's errors about an experiment into issues in the project's words."""

import os
import re
from collections.abc import Mapping
from typing import Any, Literal, get_args, get_origin

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from cifar_cli.config.choices import GROUPS, choice_at, name_at, value_at
from cifar_cli.config.messages import format_value, found, nearest
from cifar_cli.config.number_slips import meant_number
from cifar_cli.config.schema import CHOICES, Experiment
from cifar_cli.config.unknown_keys import name_mend, section_mend, unknown_key
from cifar_cli.config.yaml.source_locations import COMMAND_LINE, Issue, KeyPath, SourceLocations, dotted
from cifar_cli.data.transforms.table import AUGMENT
from cifar_cli.section import Section
from cifar_cli.shell import shell_command

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
        return _unknown_name((*path, "name"), data, locations)
    section, field = _find(path, data)
    if details["type"] == "extra_forbidden":
        return unknown_key(path, section, data, locations)
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
    if path[0] in CHOICES and len(path) == 1 and isinstance(value, str):
        near = section_mend(value, str(path[0]), is_typed=locations.of_value(path) == COMMAND_LINE)
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
        if choice := choice_at(here):
            section = choice.keys_of(name_at(here, data))
        elif here == AUGMENT_PATH:
            section = AUGMENT.section()
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            section = field.annotation
    return section, field


def _unknown_name(path: KeyPath, data: Mapping[str, object], locations: SourceLocations) -> Issue:
    choice = choice_at(path[:-1])
    assert choice is not None, path
    values = value_at(path[:-1], data)
    value = values.get("name") if isinstance(values, dict) else values
    is_typed = locations.of_value(path) == COMMAND_LINE
    near = name_mend(value, path[:-1], is_typed=is_typed) if isinstance(value, str) else ""
    if path == ("model", "name") and isinstance(value, str) and re.fullmatch(r".+(\.py)?:\w+", value):
        file, _, name = value.rpartition(":")
        word = f"{file.removesuffix('.py')}.py:{name}"
        near = f"a configuration cannot run code: name your network on the command line, --model {word}"
    if path == ("data", "name") and isinstance(value, str) and not near and os.path.isdir(value):
        typed, filed = f"data.name=folder {shell_command(f'data.root={value}')}", f"name: folder, and root: {value}"
        near = f"for images of your own, write {typed if is_typed else filed}"
    mend = near or f"write for example {next(iter(choice.table))}"
    return Issue(path, f"expected one of {', '.join(choice.table)}, found {found(value)}", mend)
