"""A value as YAML on one line, which every reader of YAML reads as that value."""

import re
from collections.abc import Mapping

import yaml
from yaml.resolver import Resolver

from cifar_cli.config.yaml.scalars import read_scalar

# Words that mean themselves in YAML, also between brackets.
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./$][A-Za-z0-9_./$-]*")


def to_flow_yaml(value: object) -> str:
    """Returns a finite number, a word, true, false, null, or a list or mapping of them, as YAML writes it in brackets.

    A number that is not finite is written as Python does: no configuration takes one, and a message only shows it.
    """
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{to_flow_yaml(key)}: {to_flow_yaml(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(to_flow_yaml(item) for item in value) + "]"
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
