"""Lists the keys of a configuration, dotted as the command line has them, and the values worth offering for each."""

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from cifar_cli.config.schema import Experiment
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.data.transforms.table import AugmentationTable
from cifar_cli.models.layer import Layer
from cifar_cli.section import ChosenFrom, Section

# Sections and keys of a run that may be changed later: what computes its network, how it is measured, how long it is.
MACHINE_KEYS = ("train.device", "train.precision")
EVALUATION_KEYS = ("evaluation", *MACHINE_KEYS)
RESUME_KEYS = ("train.epochs", *MACHINE_KEYS)


_NO_NAMES: Mapping[str, str] = {}


def dotted_keys(experiment: Experiment | None = None, *, names: Mapping[str, str] = _NO_NAMES) -> dict[str, list[str]]:
    """Returns every key, such as `optimizer.lr`, with values as YAML: all of a fixed set, else examples.

    A section whose `name` decides about its keys has those of the name in `names`, such as {"optimizer": "adam"}, else
    of the experiment's choice, else of all.
    """
    keys: dict[str, list[str]] = {}
    for key, values in _section_keys(Experiment, experiment, names):
        known = keys.setdefault(key, [])
        known += [value for value in values if value not in known]
    return keys


def _section_keys(
    section: type[Section], chosen: Section | None, names: Mapping[str, str] = _NO_NAMES
) -> Iterator[tuple[str, list[str]]]:
    for key, field in section.model_fields.items():
        value = getattr(chosen, key, None)
        kinds = _sections(field)
        if not kinds:
            yield key, _values(field)
            for layer in value if isinstance(value, tuple) else ():
                if isinstance(layer, Layer):
                    yield from (
                        (f"{key}.{layer.name}.{name}", [to_flow_yaml(it)]) for name, it in layer.arguments.items()
                    )
        name = names.get(key, getattr(value, "name", None))
        for kind in kinds:
            is_chosen = len(kinds) == 1 or name in (None, kind.model_fields["name"].default)
            for inner, values in _section_keys(kind, value if is_chosen and isinstance(value, kind) else None):
                if is_chosen or inner == "name":
                    yield f"{key}.{inner}", values


def _sections(field: FieldInfo) -> list[type[Section]]:
    """Returns what the section under a key can be: the entries of its table, or the one that there is."""
    for part in field.metadata:
        if isinstance(part, ChosenFrom | AugmentationTable):
            return list(part.sections().values())
    annotation = field.annotation
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, Section) else []


def _alternatives(annotation: Any) -> list[Any]:
    """Returns the members of a union, or else the type alone."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [kind for member in get_args(annotation) for kind in _alternatives(member)]
    return [annotation]


def _values(field: FieldInfo) -> list[str]:
    values: list[Any] = []
    for kind in _alternatives(field.annotation):
        if get_origin(kind) is Literal:
            values += get_args(kind)
        elif kind is bool:
            values += [True, False]
        elif kind is NoneType:
            values.append(None)
        else:
            values += field.examples or []
    return [to_flow_yaml(value) for value in values]
