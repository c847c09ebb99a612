"""Turns pydantic's errors about an experiment into problems in the project's words. Knows the schema, and no file."""

from collections.abc import Mapping
from typing import Any

from pydantic import ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails

from cifar_cli.config.messages import format_value, found, nearest
from cifar_cli.config.schema import GROUP_KINDS, KINDS, Experiment
from cifar_cli.config.yaml.source_locations import COMMAND_LINE, Issue, KeyPath, SourceLocations
from cifar_cli.section import Section

GROUPS: KeyPath = ("optimizer", "groups")


def validation_issues(error: ValidationError, data: Mapping[str, object], places: SourceLocations) -> list[Issue]:
    """Returns a problem for each of pydantic's errors. data: what was validated; places: where it stands."""
    return [_problem(details, data, places) for details in error.errors(include_url=False)]


def _problem(details: ErrorDetails, data: Mapping[str, object], places: SourceLocations) -> Issue:
    path = _without_kind(details["loc"])
    is_missing = details["type"] == "missing"
    if is_missing and isinstance(path[-1], int):
        path, is_missing = path[:-1], False  # a list that is too short is wrong as a whole
    section, field = _find(path, data)
    if details["type"] == "extra_forbidden":
        return _unknown_key(path, section, data, places)
    if details["type"] in ("union_tag_invalid", "union_tag_not_found"):
        return _unknown_kind((*path, "name"), data)
    assert field is not None, path
    expected, example = field.description, (field.examples or [None])[0]
    value = details["input"]
    if is_missing:
        example = {path[-1]: example}
        return Issue(path, f"expected {expected}, found nothing", f"write for example {format_value(example)[1:-1]}")
    if details["type"] == "string_type" and isinstance(value, int | float):
        return Issue(path, f"expected text, found {found(value)}", f"write '{format_value(value)}' in quotes")
    near = ""
    if details["type"] == "literal_error" and isinstance(value, str):
        choices = details["ctx"]["expected"].replace("'", "").replace(" or ", ", ").split(", ")
        near = nearest(value, choices).removeprefix("; ")
    return Issue(
        path, f"expected {expected}, found {found(value)}", near or f"write for example {format_value(example)}"
    )


def _without_kind(location: tuple[int | str, ...]) -> KeyPath:
    """Returns pydantic's location without the names of the unions' members, which it puts after what is of a union."""
    if location[0] in KINDS:
        location = location[:1] + location[2:]
    if location[:2] == GROUPS:
        location = location[:3] + location[4:]
    return location


def _find(path: KeyPath, data: Mapping[str, object]) -> tuple[type[Section], FieldInfo | None]:
    """Returns the innermost section on the path, and the innermost field in it, None where the key is unknown."""
    section: type[Section] = Experiment
    field: FieldInfo | None = None
    for depth, part in enumerate(path):
        if isinstance(part, int):
            if path[:depth] != GROUPS or depth == len(path) - 1:
                break  # an item of a list: what is expected of it stands with the list
            section = GROUP_KINDS[_kind(path[: depth + 1], data)]
            continue
        field = section.model_fields.get(part)
        if field is None or depth == len(path) - 1:
            break
        if part in KINDS:
            section = KINDS[part][_kind((part,), data)]
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            section = field.annotation
    return section, field


def _kind(path: KeyPath, data: Mapping[str, object]) -> str:
    """Returns the name that chooses what the section at `path` is."""
    values = _value(path, data)
    assert isinstance(values, dict)
    return str(values["name"])


def _value(path: KeyPath, data: Mapping[str, object]) -> object:
    value: Any = data
    for part in path:
        value = value[part]
    return value


def _unknown_key(path: KeyPath, section: type[Section], data: Mapping[str, object], places: SourceLocations) -> Issue:
    key, known = str(path[-1]), sorted(section.model_fields, key="name".__ne__)
    outer = str(path[0])
    if outer in KINDS and len(path) == 2:
        kind = _kind(path[:1], data)
        name_place = places.of_value((outer, "name"))
        # The kind was changed on the command line, and the file's other keys stayed behind.
        if name_place == COMMAND_LINE and places.of_key(path) != COMMAND_LINE:
            mend = f"replace the whole section: '{outer}={{name: {kind}}}'"
            return Issue(path, f"{kind}, chosen by {outer}.name on the command line, has no such key", mend, True)
        return Issue(path, f"{kind} has no such key", _near(key, known), at_key=True)
    if path[:2] == GROUPS:
        return Issue(path, f"{_kind(path[:-1], data)} has no such key", _near(key, known), at_key=True)
    return Issue(path, "unknown key", _near(key, known), at_key=True)


def _near(key: str, known: list[str]) -> str:
    return nearest(key, known).removeprefix("; ") or f"the keys here are {', '.join(known)}"


def _unknown_kind(path: KeyPath, data: Mapping[str, object]) -> Issue:
    values = _value(path[:-1], data)
    kinds = GROUP_KINDS if path[:2] == GROUPS else KINDS[str(path[0])]
    value = values.get("name") if isinstance(values, dict) else values
    near = nearest(value, kinds) if isinstance(value, str) else ""
    mend = near.removeprefix("; ") or f"write for example {next(iter(kinds))}"
    return Issue(path, f"expected one of {', '.join(kinds)}, found {found(value)}", mend)
