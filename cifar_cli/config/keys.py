"""Lists the dotted keys of a configuration, and for each key values to offer."""

from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from cifar_cli.config.schema import Experiment
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.data.transforms.table import AugmentationTable
from cifar_cli.models.layer import Layer
from cifar_cli.section import ChosenFrom, Section

# The sections and keys that may be changed after a run has started: its device, its evaluation and its length.
MACHINE_KEYS = ("data.root", "train.device", "train.precision")
EVALUATION_KEYS = ("evaluation", *MACHINE_KEYS)
RESUME_KEYS = ("train.epochs", "train.patience", *MACHINE_KEYS)

_NO_NAMES: Mapping[str, str] = {}


def dotted_keys(experiment: Experiment | None = None, *, names: Mapping[str, str] = _NO_NAMES) -> dict[str, list[str]]:
    """Returns every key, such as `optimizer.lr`, with values as YAML: all values of a fixed set, else examples.

    names: the `name` of sections whose keys depend on a name, such as {"optimizer": "adam"}. Without an entry here, the
    experiment's name counts; without an experiment, the section has the keys of all names.
    """
    keys: dict[str, list[str]] = {}
    for key, values in _section_keys(Experiment, experiment, names):
        known = keys.setdefault(key, [])
        known += [value for value in values if value not in known]
    return keys


@cache
def text_keys() -> Mapping[str, bool]:
    """Returns the keys whose value is any text, and whether null is a value too: of `name` no, of `data.root` yes."""
    return dict(_text_keys(Experiment, ""))


def _text_keys(parent: type[Section], prefix: str) -> Iterator[tuple[str, bool]]:
    for key, field in parent.model_fields.items():
        alternatives = _alternatives(field.annotation)
        if str in alternatives:
            yield f"{prefix}{key}", NoneType in alternatives
        for section in _sections(field):
            yield from _text_keys(section, f"{prefix}{key}.")


def is_known_key(key: str) -> bool:
    """Returns whether a configuration can have the key; of the layers of a network, any."""
    return key in Experiment.model_fields or key.startswith("model.layers.") or _has_key(Experiment, key.split("."))


def _has_key(parent: type[Section], path: Sequence[str]) -> bool:
    """Returns whether `dotted_keys` has the key, without a list of them all: each word of a command line is asked."""
    field = parent.model_fields.get(path[0])
    if field is None:
        return False
    sections = _sections(field)
    return any(_has_key(section, path[1:]) for section in sections) if len(path) > 1 else not sections


def _section_keys(
    parent: type[Section], chosen: Section | None, names: Mapping[str, str] = _NO_NAMES
) -> Iterator[tuple[str, list[str]]]:
    for key, field in parent.model_fields.items():
        value = getattr(chosen, key, None)
        sections = _sections(field)
        if not sections:
            yield key, _values(field)
            for layer in value if isinstance(value, tuple) else ():
                if isinstance(layer, Layer):
                    yield from (
                        (f"{key}.{layer.name}.{name}", [to_flow_yaml(it)]) for name, it in layer.arguments.items()
                    )
        name = names.get(key, getattr(value, "name", None))
        for section in sections:
            is_chosen = len(sections) == 1 or name in (None, section.model_fields["name"].default)
            for inner, values in _section_keys(section, value if is_chosen and isinstance(value, section) else None):
                if is_chosen or inner == "name":
                    yield f"{key}.{inner}", values


def _sections(field: FieldInfo) -> list[type[Section]]:
    """Returns the section types that a key may hold: the entries of its table, or its single type, or none."""
    for part in field.metadata:
        if isinstance(part, ChosenFrom | AugmentationTable):
            return list(part.sections().values())
    annotation = field.annotation
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, Section) else []


def _alternatives(annotation: Any) -> list[Any]:
    """Returns the members of a union, or the type itself."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [type_ for member in get_args(annotation) for type_ in _alternatives(member)]
    return [annotation]


def _values(field: FieldInfo) -> list[str]:
    values: list[Any] = []
    for type_ in _alternatives(field.annotation):
        if get_origin(type_) is Literal:
            values += get_args(type_)
        elif type_ is bool:
            values += [True, False]
        elif type_ is NoneType:
            values.append(None)
        else:
            values += field.examples or []
    return [to_flow_yaml(value) for value in values]
