"""Lists the dotted keys of a configuration, and for each key the values that shell completion offers."""

from collections.abc import Iterator, Mapping
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic.fields import FieldInfo

from cifar_cli.config.schema import Experiment
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.data.transforms.table import AugmentedBy
from cifar_cli.models.layer import Layer
from cifar_cli.section import ChosenFrom, Section

# The sections and keys of a run that another command may change: the device, the evaluation, the number of epochs.
MACHINE_KEYS = ("train.device", "train.precision")
EVALUATION_KEYS = ("evaluation", *MACHINE_KEYS)
RESUME_KEYS = ("train.epochs", *MACHINE_KEYS)


def dotted_keys(
    experiment: Experiment | None = None, *, names: Mapping[str, str] | None = None
) -> dict[str, list[str]]:
    """Returns every key, such as `optimizer.lr`, with values as YAML: all values of a fixed set, else examples.

    The `name` of a section decides its keys: the name in `names`, such as {"optimizer": "adam"}, else the name in the
    experiment. Without either, the section has the keys of every name.
    """
    keys: dict[str, list[str]] = {}
    for key, values in _section_keys(Experiment, experiment, names or {}):
        known = keys.setdefault(key, [])
        known += [value for value in values if value not in known]
    return keys


def _section_keys(
    section: type[Section], instance: Section | None, names: Mapping[str, str]
) -> Iterator[tuple[str, list[str]]]:
    """Yields the keys of a section with their values. instance: the section of the experiment, if there is one."""
    for key, field in section.model_fields.items():
        value = getattr(instance, key, None)
        sections = _sections(field)
        if not sections:
            yield key, _values(field)
            for layer in value if isinstance(value, tuple) else ():
                if isinstance(layer, Layer):
                    for argument, current in layer.arguments.items():
                        yield f"{key}.{layer.name}.{argument}", [to_flow_yaml(current)]
        name = names.get(key, getattr(value, "name", None))
        for inner_section in sections:
            is_chosen = len(sections) == 1 or name in (None, inner_section.model_fields["name"].default)
            inner_instance = value if is_chosen and isinstance(value, inner_section) else None
            for inner_key, values in _section_keys(inner_section, inner_instance, {}):
                if is_chosen or inner_key == "name":
                    yield f"{key}.{inner_key}", values


def _sections(field: FieldInfo) -> list[type[Section]]:
    """Returns the sections that a key may hold: the entries of a table, or one section; none for a plain value."""
    for part in field.metadata:
        if isinstance(part, ChosenFrom | AugmentedBy):
            return list(part.sections().values())
    annotation = field.annotation
    return [annotation] if isinstance(annotation, type) and issubclass(annotation, Section) else []


def _alternatives(annotation: Any) -> list[Any]:
    """Returns the members of a union; the type alone for other types."""
    if get_origin(annotation) is Annotated:
        return _alternatives(get_args(annotation)[0])
    if get_origin(annotation) in (Union, UnionType):
        return [inner for member in get_args(annotation) for inner in _alternatives(member)]
    return [annotation]


def _values(field: FieldInfo) -> list[str]:
    values: list[Any] = []
    for member in _alternatives(field.annotation):
        if get_origin(member) is Literal:
            values += get_args(member)
        elif member is bool:
            values += [True, False]
        elif member is NoneType:
            values.append(None)
        else:
            values += field.examples or []
    return [to_flow_yaml(value) for value in values]
