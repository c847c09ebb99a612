"""Writes an experiment as YAML that loads as an equal experiment, with the comments of its file."""

from collections.abc import Iterator, Mapping

from cifar_cli.config.schema import Experiment
from cifar_cli.config.yaml.comments import NO_COMMENTS, Comments
from cifar_cli.config.yaml.document import Plain
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.config.yaml.source_locations import KeyPath
from cifar_cli.models.layer import Layer
from cifar_cli.section import Section

_RANKS = {"name": 0, "parameters": 1, "epochs": 2, "groups": 4}


def dump(experiment: Experiment, *, comments: Comments = NO_COMMENTS) -> str:
    """Returns the experiment as YAML with every key, and with each comment at the key of its file."""
    lines = [*comments.header, ""] if comments.header else []
    for path, line in _lines(experiment):
        indent = " " * (len(line) - len(line.lstrip()))
        lines += [indent + comment for comment in comments.above.get(path, ())]
        beside = comments.beside.get(path)
        lines.append(f"{line}  {beside}" if beside else line)
    return "\n".join(lines) + "\n"


def _lines(experiment: Experiment) -> Iterator[tuple[KeyPath, str]]:
    for name, value in section_items(experiment):
        if not isinstance(value, Section):
            yield (name,), f"{name}: {_flow(value)}"
            continue
        yield (name,), f"{name}:"
        for key, setting in section_items(value):
            if isinstance(setting, tuple) and any(isinstance(item, Layer | Section) for item in setting):
                yield (name, key), f"  {key}:"
                for index, item in enumerate(setting):
                    if isinstance(item, Layer):
                        yield (name, key, index, item.name), f"    - {item.name}: {_layer(item)}"
                    else:
                        yield (name, key, index), f"    - {_flow(item)}"
            else:
                yield (name, key), f"  {key}: {_flow(setting)}"


def section_items(section: Section) -> list[tuple[str, object]]:
    """Returns the section's keys and values: `name`, which decides the other keys, comes first, and `groups` last."""
    return sorted(section, key=lambda item: _RANKS.get(item[0], 3))


def _layer(layer: Layer) -> str:
    return _flow({"type": layer.type, **layer.arguments}) if layer.arguments else layer.type


def _flow(setting: object) -> str:
    """Returns the setting as YAML on one line."""
    return to_flow_yaml(dict(section_items(setting)) if isinstance(setting, Section) else setting)


def to_plain(experiment: Experiment) -> dict[str, Plain]:
    """Returns the experiment as plain data, which loads as an equal experiment."""
    return {key: _plain(value) for key, value in section_items(experiment)}


def _plain(value: object) -> Plain:
    if isinstance(value, Section):
        return {key: _plain(item) for key, item in section_items(value)}
    if isinstance(value, Layer):
        arguments = {key: _plain(argument) for key, argument in value.arguments.items()}
        return {value.name: {"type": value.type, **arguments}}
    if isinstance(value, Mapping):
        return {key: _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    assert value is None or isinstance(value, bool | int | float | str), value
    return value
