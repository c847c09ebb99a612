"""Lists the keys of a configuration, dotted as the command line has them, and the values worth offering for each."""

from collections.abc import Iterator
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from cifar_cli.config.layers.table import Layer
from cifar_cli.config.schema import Experiment
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.section import Section


def dotted_keys(experiment: Experiment | None = None) -> dict[str, list[str]]:
    """Returns every key, such as `optimizer.lr`, with values as YAML: all of a fixed set, else examples.

    A section whose `name` decides about its keys has those of the experiment's choice; without an experiment, of all.
    """
    keys: dict[str, list[str]] = {}
    for key, values in _section_keys(Experiment, experiment):
        known = keys.setdefault(key, [])
        known += [value for value in values if value not in known]
    return keys


def _section_keys(section: type[Section], chosen: Section | None) -> Iterator[tuple[str, list[str]]]:
    for name, field in section.model_fields.items():
        value = getattr(chosen, name, None)
        kinds = [
            kind for kind in _alternatives(field.annotation) if isinstance(kind, type) and issubclass(kind, Section)
        ]
        if not kinds:
            yield name, _values(field)
        for kind in kinds:
            is_chosen = value is None or type(value) is kind
            for key, values in _section_keys(kind, value if is_chosen else None):
                if is_chosen or key == "name":
                    yield f"{name}.{key}", values
        for layer in getattr(value, "layers", ()):
            yield from _layer_keys(f"{name}.layers.{layer.name}", layer)


def _layer_keys(prefix: str, layer: Layer) -> Iterator[tuple[str, list[str]]]:
    for argument, value in layer.arguments.items():
        yield f"{prefix}.{argument}", [to_flow_yaml(value)]


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
