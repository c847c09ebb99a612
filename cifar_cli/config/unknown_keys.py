"""Answers a key or a name that a configuration does not know with the one that is meant."""

import difflib
from collections.abc import Mapping, Sequence

from pydantic import ValidationError

from cifar_cli.config.choices import choice_at, name_at, value_at
from cifar_cli.config.first_guesses import accumulation_mend, foreign_program, full_key
from cifar_cli.config.keys import dotted_keys
from cifar_cli.config.messages import format_value, nearest
from cifar_cli.config.other_words import key_called, name_called, option_called, plain
from cifar_cli.config.schema import CHOICES, RENAMED_KEYS, Experiment
from cifar_cli.config.sections import DataKeys
from cifar_cli.config.yaml.source_locations import COMMAND_LINE, Issue, KeyPath, SourceLocations, dotted
from cifar_cli.data.transforms.table import AUGMENT as AUGMENTATIONS
from cifar_cli.section import Section
from cifar_cli.shell import shell_command

AUGMENT = "data.augment"
# What a name that somebody writes may mean; a dataset or a network is not changed by the way.
_OF_TRAINING = [section for section in CHOICES if section not in ("data", "model")]
VERY_NEAR = 0.85  # of difflib's ratio: one letter of seven may differ


def unknown_key(path: KeyPath, section: type[Section], data: Mapping[str, object], locations: SourceLocations) -> Issue:
    """Returns the issue of a key that its section does not have."""
    key, known = str(path[-1]), _ordered(section)
    is_typed = locations.of_key(path) == COMMAND_LINE
    if moved := RENAMED_KEYS.get(dotted(path)):
        name = moved if is_typed else moved.rpartition(".")[2]
        return Issue(path, f"is called {moved} now", f"write {name}", at_key=True)
    if mend := accumulation_mend(key, value_at(path, data), batch_size=_batch_size(data), is_typed=is_typed):
        return Issue(path, "unknown key", mend, at_key=True)
    issue = _left_behind(path, data, locations) or _of_another_name(path, data, is_typed=is_typed)
    if issue:
        return issue
    if meant := _in_other_sections(path, data) or _meant_by(path):
        value = value_at(path, data)
        mend = " or ".join(_line(full, value, data, is_typed=is_typed) for full in meant)
        return Issue(path, "unknown key here", f"write {mend}", at_key=True)
    if override := _called(key):
        return Issue(path, "unknown key", f"write {_name_line(override, is_typed=is_typed)}", at_key=True)
    if command := option_called(key):
        return Issue(path, "no key of a configuration, but an option", f"write {command}", at_key=True)
    if program := foreign_program(key):
        finding = f"belongs to a configuration of {program}, which names classes; here names come from tables"
        return Issue(path, finding, "begin with an example: cifar config copy sequential mine.yaml", at_key=True)
    near = nearest(key, known).removeprefix("; ")
    if not near and key != "name" and (full := _very_near(key)):
        return Issue(path, "unknown key", f"did you mean {full}?", at_key=True)
    mend = near or f"the keys here are {', '.join(known)}"
    return Issue(path, _no_such_key(path, data), mend, at_key=True)


def name_mend(value: str, path: KeyPath, *, is_typed: bool) -> str:
    """Returns the mend of a name that the section at `path` cannot choose; an empty string if none is near."""
    choice = choice_at(path)
    assert choice is not None, path
    if override := _called(value):
        section, _, name = override.partition(".name=")
        return f"did you mean '{name}'?" if section == path[0] else f"write {_name_line(override, is_typed=is_typed)}"
    return nearest(value, choice.table).removeprefix("; ")


def section_mend(value: str, section: str, *, is_typed: bool) -> str:
    """Returns the mend of a name that stands for its whole section, as in `loss: focal`; empty if none is near."""
    near = difflib.get_close_matches(value.lower(), CHOICES[section].table, n=1)
    override = _called(value) or (f"{section}.name={near[0]}" if near else None)
    return f"write {_name_line(override, is_typed=is_typed)}" if override else ""


def _called(word: str) -> str | None:
    """Returns the override that chooses the entry of a table by its own name or by another program's."""
    if override := name_called(word):
        return override
    return next((f"{it}.name={word.lower()}" for it in _OF_TRAINING if word.lower() in CHOICES[it].table), None)


def _name_line(override: str, *, is_typed: bool) -> str:
    section, _, name = override.partition(".name=")
    return override if is_typed else f"{section}: {{name: {name}}}"


def _batch_size(data: Mapping[str, object]) -> object:
    images = data.get("data")
    default = DataKeys.model_fields["batch_size"].default
    return images.get("batch_size", default) if isinstance(images, dict) else default


def _left_behind(path: KeyPath, data: Mapping[str, object], locations: SourceLocations) -> Issue | None:
    """Returns the issue of a key of the file that stayed behind when the name was changed on the command line."""
    if len(path) != 2 or path[0] == "data" or choice_at(path[:1]) is None:
        return None
    if locations.of_value((path[0], "name")) != COMMAND_LINE or locations.of_key(path) == COMMAND_LINE:
        return None
    name = name_at(path[:1], data)
    word = f"{path[0]}={{name: {name}}}"
    finding = f"{name}, chosen by {path[0]}.name on the command line, has no such key"
    return Issue(path, finding, f"replace the whole section: '{word}'", at_key=True, word=word)


def _of_another_name(path: KeyPath, data: Mapping[str, object], *, is_typed: bool) -> Issue | None:
    """Returns the issue of a key that another name of the section has, and no third: of `gamma`, `focal`."""
    if len(path) != 2 or not isinstance(path[0], str) or path[0] not in _OF_TRAINING:
        return None
    here = name_at(path[:1], data)
    section = CHOICES[path[0]].sections()
    owners = [name for name, it in section.items() if path[1] in it.model_fields]
    if not owners:
        return None
    finding = f"{here} has no such key, but {' and '.join(owners)} {'have' if owners[1:] else 'has'}"
    if not owners[1:]:
        mend = f"write {_line(dotted(path), value_at(path, data), data, is_typed=is_typed)}"
    elif here == "none":
        mend = f"write {' or '.join(_name_line(f'{path[0]}.name={it}', is_typed=is_typed) for it in owners)}"
    else:
        mend = f"the keys here are {', '.join(_ordered(section[here]))}"
    return Issue(path, finding, mend, at_key=True)


def _ordered(section: type[Section]) -> list[str]:
    return sorted(section.model_fields, key=lambda key: (key != "name", key == "groups"))


def _in_other_sections(path: KeyPath, data: Mapping[str, object]) -> list[str]:
    """Returns the dotted keys of other sections that end in the last part of `path`: of `epochs`, `train.epochs`."""
    if not isinstance(path[-1], str) or path[-1] == "name":
        return []
    if path[-1] == AUGMENT.rpartition(".")[2]:
        return [AUGMENT]
    names = {key: str(value["name"]) for key, value in data.items() if isinstance(value, dict) and value.get("name")}
    return [key for key in dotted_keys(names=names) if key.endswith(f".{path[-1]}")]


def _meant_by(path: KeyPath) -> list[str]:
    """Returns the key that other programs, or a slip, call so: of `learning_rate`, `optimizer.lr`."""
    word, here = str(path[-1]), dotted(path[:-1])
    full = key_called(word) or (full_key(word) if len(path) == 1 else None)
    if full:
        return [full]
    # A word in another spelling, as `RandAugment`, and a key that another name of its section has, as `train.rho`.
    keys = {key: key.rpartition(".") for key in dotted_keys()}
    same = [key for key, (outer, _, last) in keys.items() if plain(last) == plain(word) and outer != here]
    return [key for key in same if not key.startswith("model.") and key.rpartition(".")[2] != "name"]


def _very_near(word: str) -> str | None:
    """Returns the key whose last part is nearly the word: of `label_smooting`, `loss.label_smoothing`."""
    by_last = {plain(key.rpartition(".")[2]): key for key in dotted_keys()}
    near = difflib.get_close_matches(plain(word), by_last, n=1, cutoff=VERY_NEAR)
    return by_last[near[0]] if near else None


def _line(key: str, value: object, data: Mapping[str, object], *, is_typed: bool) -> str:
    """Returns what to write for a key that stands in the wrong section or has another name here."""
    if isinstance(value, dict):
        if key != AUGMENT:  # as in `early_stopping: {patience: 5}`
            value = value.get(key.rpartition(".")[2])
        elif is_typed:
            return shell_command(*(f"{key}.{inner}={format_value(it)}" for inner, it in value.items()))
    section, _, last = key.partition(".")
    name = None
    if section in _OF_TRAINING:
        name = _owner(section, last, data)
    example = next((it for it in dotted_keys()[key] if it != "null"), "…") if key != AUGMENT else ""
    text = format_value(value) if key == AUGMENT or _is_accepted(key, value) else example
    if name is not None:
        inner = f"{{name: {name}, {last}: {text}}}"
        return shell_command(f"{section}={inner}") if is_typed else f"{section}: {inner}"
    return shell_command(f"{key}={text}") if is_typed else _nested(key.split("."), text)


def _owner(section: str, key: str, data: Mapping[str, object]) -> str | None:
    """Returns the name that the section needs to have the key, None if the name that it has will do."""
    entries = CHOICES[section].sections()
    values = data.get(section)
    name = values.get("name") if isinstance(values, dict) else None
    here = name if name in entries else next(iter(entries))
    if key in entries[str(here)].model_fields:
        return None
    return next((it for it, entry in entries.items() if key in entry.model_fields), None)


def _is_accepted(key: str, value: object) -> bool:
    """Returns whether the key takes the value; `early_stopping: true` says nothing about how many epochs."""
    *sections, last = key.split(".")
    owners: list[type[Section]] = []
    if sections == AUGMENT.split("."):
        owners = [AUGMENTATIONS.section()]
    elif not sections:
        owners = [Experiment]
    elif sections[0] in CHOICES:
        owners = [it for it in CHOICES[sections[0]].sections().values() if last in it.model_fields]
    elif isinstance(annotation := Experiment.model_fields[sections[0]].annotation, type):
        owners = [annotation]
    return any(last not in _wrong_keys(owner, {last: value}) for owner in owners)


def _wrong_keys(section: type[Section], values: Mapping[str, object]) -> set[object]:
    try:
        section.model_validate(values)
    except ValidationError as error:
        return {it["loc"][0] for it in error.errors()}
    return set()


def _nested(parts: Sequence[str], value: str) -> str:
    """Returns a line of YAML: `data: {augment: {translate: 4}}`."""
    outer, *inner = parts
    return f"{outer}: {{{_nested(inner, value)}}}" if inner else f"{outer}: {value}"


def _no_such_key(path: KeyPath, data: Mapping[str, object]) -> str:
    outer = path[:-1]
    if not outer or outer == ("data",) or choice_at(outer) is None:  # a dataset's name is one key of `data` among many
        return "unknown key"
    return f"{name_at(outer, data)} has no such key"
