"""An experiment as YAML that loads as an equal experiment, with a file's comments where there are any."""

import re
from collections.abc import Iterator, Mapping

import yaml
from yaml.resolver import Resolver

from cifar_cli.config.comments import NO_COMMENTS, Comments
from cifar_cli.config.layers import Layer
from cifar_cli.config.places import KeyPath
from cifar_cli.config.scalars import read_scalar
from cifar_cli.config.schema import Experiment
from cifar_cli.config.section import Section

# Words that mean themselves in YAML, also between brackets.
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./$][A-Za-z0-9_./$-]*")


def dump(experiment: Experiment, *, comments: Comments = NO_COMMENTS) -> str:
    """Returns the experiment as YAML, every key written out, and the comments beside the keys they stood at."""
    lines = [*comments.header, ""] if comments.header else []
    for path, line in _lines(experiment):
        indent = " " * (len(line) - len(line.lstrip()))
        lines += [indent + comment for comment in comments.above.get(path, ())]
        beside = comments.beside.get(path)
        lines.append(f"{line}  {beside}" if beside else line)
    return "\n".join(lines) + "\n"


def _lines(experiment: Experiment) -> Iterator[tuple[KeyPath, str]]:
    for name, value in _items(experiment):
        if not isinstance(value, Section):
            yield (name,), f"{name}: {_flow(value)}"
            continue
        yield (name,), f"{name}:"
        for key, setting in _items(value):
            if isinstance(setting, tuple) and any(isinstance(item, Layer | Section) for item in setting):
                yield (name, key), f"  {key}:"
                for index, item in enumerate(setting):
                    if isinstance(item, Layer):
                        yield (name, key, index, item.name), f"    - {item.name}: {_layer(item)}"
                    else:
                        yield (name, key, index), f"    - {_flow(item)}"
            else:
                yield (name, key), f"  {key}: {_flow(setting)}"


def _items(section: Section) -> list[tuple[str, object]]:
    """Returns the section's keys and values, with the name, which decides about the others, before them."""
    return sorted(section, key=lambda item: item[0] != "name")


def _layer(layer: Layer) -> str:
    return _flow({"type": layer.type, **layer.arguments}) if layer.arguments else layer.type


def _flow(value: object) -> str:
    """Returns the value as YAML on one line."""
    if isinstance(value, Section):
        return _flow(dict(_items(value)))
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{key}: {_flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, tuple):
        return "[" + ", ".join(_flow(item) for item in value) + "]"
    if value is None:
        return "null"
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, int | float):
        # Other readers of YAML take 1e-08 for a word, and 1.0e-08 for a number.
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    assert isinstance(value, str), value
    return value if _is_plain(value) else _quoted(value)


def _is_plain(word: str) -> bool:
    """Whether the word means itself without quotes, also to other readers of YAML, for which `no` is false."""
    elsewhere = str(Resolver().resolve(yaml.ScalarNode, word, (True, False)))  # type: ignore[no-untyped-call]
    return _PLAIN_WORD.fullmatch(word) is not None and read_scalar(word) == word and elsewhere.endswith(":str")


def _quoted(text: str) -> str:
    return str(yaml.safe_dump(text, default_style='"', width=float("inf"))).rstrip("\n")
