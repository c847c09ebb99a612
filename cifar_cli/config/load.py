"""Loads a file with overrides as one checked experiment, and reports all mistakes at once."""

import re
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import replace
from itertools import takewhile
from pathlib import Path
from typing import cast

from pydantic import ValidationError

from cifar_cli.config.checks import cross_field_issues
from cifar_cli.config.config_files import ConfigFile, read_config_file
from cifar_cli.config.first_guesses import lookalike_issues
from cifar_cli.config.layers.parse_layers import LAYERS_PATH, parse_layers
from cifar_cli.config.layers.shapes.infer_shapes import ShapeMismatchError, infer_shapes, with_inferred_arguments
from cifar_cli.config.overrides import override
from cifar_cli.config.schema import CHOICES, NAME_PATTERN, Experiment, with_inherited_settings
from cifar_cli.config.sections import DataKeys
from cifar_cli.config.validation_errors import validation_issues
from cifar_cli.config.yaml.document import Document, read_document
from cifar_cli.config.yaml.source_locations import COMMAND_LINE, Issue, KeyPath, SourceLocation, SourceLocations, report
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.errors import ConfigError
from cifar_cli.models.layer import Layer
from cifar_cli.models.table import MODELS

_PLACEHOLDER = Layer("placeholder", "Identity", {})
_SECTIONS = tuple(key for key in Experiment.model_fields if key not in ("name", "seed"))


def load(source: str | Path, overrides: Sequence[str] = ()) -> Experiment:
    """Returns the experiment of a file, given by path or built-in name, with `key=value` overrides.

    Raises ConfigError with all mistakes, or UsageError if the file does not exist.
    """
    return load_read(read_config_file(source), overrides)


def load_read(read: ConfigFile, overrides: Sequence[str] = ()) -> Experiment:
    """Returns the experiment of a configuration that has been read. Raises ConfigError with all mistakes."""
    try:
        document = read_document(read.text, read.location, builtin=read.builtin)
        override(document, overrides)
        return experiment_of(document, default_name=read.stem)
    except ConfigError as error:
        lookalikes = [
            *lookalike_issues(read.text, location=read.location),
            *(
                replace(issue, location=COMMAND_LINE)
                for word in overrides
                for issue in lookalike_issues(word, location="")
            ),
        ]
        if not lookalikes:
            raise
        # They come first: what follows may be wrong only because of them.
        start = SourceLocations(SourceLocation(read.location))
        raise ConfigError([*report(lookalikes, start), *error.issues]) from None


def load_text(text: str, *, location: str, overrides: Sequence[str] = ()) -> Experiment:
    """Returns the experiment of a YAML text. location: the text's name in messages. Raises ConfigError."""
    return load_read(ConfigFile(text, location, "experiment"), overrides)


def experiment_of(document: Document, *, default_name: str = "experiment") -> Experiment:
    """Returns the experiment that a document describes. Raises ConfigError with all mistakes."""
    data = _filled(document.data, default_name)
    images, unresolved = _read_data(data)
    issues = [*document.issues, *unresolved, *_read_model(data, images)]
    experiment, mistakes = _validate(data, document.locations)
    issues += mistakes
    if experiment is None:
        experiment, _ = _validate(_repaired(data, mistakes), document.locations)
    if experiment is not None:
        # Of a model that is not known, the layers are not known either.
        wrong = [("model",) if issue.path == ("model", "name") else issue.path for issue in issues if issue.path]
        for issue, other in cross_field_issues(experiment):
            if not any(_overlap(path, key) for path in wrong for key in (issue.path, other)):
                issues.append(issue)
    if issues:
        raise ConfigError(report(issues, document.locations))
    assert experiment is not None
    return experiment


def _filled(values: Mapping[str, object], default_name: str) -> dict[str, object]:
    """Returns a copy with every section: null means all defaults; without a `name` the first of the table is taken."""
    data = dict(deepcopy(values))
    if data.get("name") is None:
        data["name"] = default_name if re.fullmatch(NAME_PATTERN, default_name) else "experiment"
    for name in _SECTIONS:
        section = {} if data.get(name) is None else data[name]
        data[name] = section
        if name in CHOICES and isinstance(section, dict) and section.get("name") is None:
            section["name"] = next(iter(CHOICES[name].table))
        if name == "optimizer" and isinstance(section, dict):
            _fill_groups(section)
        if name == "data" and isinstance(section, dict) and section.get("augment") is None:
            section["augment"] = {}
    return data


def _fill_groups(optimizer: dict[str, object]) -> None:
    """Gives every parameter group without a `name` the optimizer of the section."""
    groups, name = optimizer.get("groups"), optimizer["name"]
    if groups is None:
        optimizer["groups"] = []
    for group in groups if isinstance(groups, list) else ():
        if isinstance(group, dict) and group.get("name") is None:
            group["name"] = name


def _read_data(data: dict[str, object]) -> tuple[DataKeys | None, list[Issue]]:
    """Fills in the keys that a person's own files answer.

    Returns the section, with defaults if its keys have mistakes, or None for an unknown dataset; and what is wrong with
    the files.
    """
    section = data["data"]
    name = section.get("name") if isinstance(section, dict) else None
    if not isinstance(section, dict) or not isinstance(name, str) or name not in DATASETS:
        return None, []
    keys = CHOICES["data"].keys_of(name)
    try:
        images = cast(DataKeys, keys.model_validate(_with_tuples(section)))
    except ValidationError:  # told of with the mistakes of the other sections
        return cast(DataKeys, keys(name=name)), []
    resolved, wrong = images.resolve()
    section.update(resolved)
    issues = [Issue(("data", wrong[0]), *wrong[1:])] if wrong else []
    return images.model_copy(update=resolved), issues


def _read_model(data: dict[str, object], images: DataKeys | None) -> list[Issue]:
    """Replaces the data's list of layers by `Layer`s with inferred arguments, and returns the mistakes in the list."""
    model = data["model"]
    name = model["name"] if isinstance(model, dict) else None
    if not isinstance(model, dict) or not isinstance(name, str) or name not in MODELS or not MODELS[name].lists_layers:
        return []
    layers, issues = parse_layers(model.get("layers"))
    # After a layer with mistakes, shapes are unknown.
    sound = [layer for layer in takewhile(bool, layers) if layer]
    if images is not None:
        try:
            sound = with_inferred_arguments(sound, infer_shapes(sound, images.image_shape))
        except ShapeMismatchError as error:
            name = sound[error.index].name
            path: KeyPath = (*LAYERS_PATH, error.index, name, *([error.argument] if error.argument else []))
            issues.append(Issue(path, error.finding, error.mend, at_key=error.argument is None))
    model["layers"] = tuple(sound) or (_PLACEHOLDER,)
    return issues


def _validate(data: Mapping[str, object], locations: SourceLocations) -> tuple[Experiment | None, list[Issue]]:
    """Returns the experiment, or None and the mistakes that pydantic finds."""
    try:
        experiment = Experiment.model_validate(_with_tuples(data))
    except ValidationError as error:
        return None, validation_issues(error, data, locations)
    return experiment.model_copy(update={"optimizer": with_inherited_settings(experiment.optimizer)}), []


def _with_tuples(value: object) -> object:
    """Returns the value with tuples instead of lists, because an experiment is immutable."""
    if isinstance(value, dict):
        return {key: _with_tuples(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return tuple(_with_tuples(item) for item in value)
    return value


def _repaired(data: dict[str, object], mistakes: Sequence[Issue]) -> dict[str, object]:
    """Returns the data with defaults instead of wrong values, so that the other keys can still be checked."""
    repaired = deepcopy(data)
    for mistake in mistakes:
        section: object = repaired
        for part, following in zip(mistake.path, (*mistake.path[1:], 0), strict=True):
            if isinstance(following, int) or following == "name":
                if isinstance(section, dict):
                    section.pop(part, None)
                break
            section = section.get(part) if isinstance(section, dict) else None
    if not isinstance(repaired.get("model"), dict):
        repaired["model"] = {"layers": (_PLACEHOLDER,)}
    return _filled(repaired, "experiment")


def _overlap(one: KeyPath, other: KeyPath) -> bool:
    """Returns whether the paths are equal, or one lies within the other."""
    length = min(len(one), len(other))
    return one[:length] == other[:length]
