"""Writes a value as YAML on one line that every YAML parser reads as this value."""

import re
from collections.abc import Mapping

import yaml
from yaml.resolver import Resolver

from cifar_cli.config.yaml.scalars import read_scalar

# Words that YAML reads as strings without quotes, also between brackets.
_PLAIN_WORD = re.compile(r"[A-Za-z0-9_./$][A-Za-z0-9_./$-]*")


def to_flow_yaml(value: object) -> str:
    """Returns a number, a string, a bool, None, or a list or mapping of these, as YAML in flow style.

    Infinity and NaN are written as in Python: no configuration accepts them, they appear in messages only.
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
        # Parsers of YAML 1.1 read 1e-08 as a string, and 1.0e-08 as a number.
        return re.sub(r"^(-?\d+)e", r"\1.0e", repr(value))
    assert isinstance(value, str), value
    return value if _is_plain(value) else _quoted(value)


def _is_plain(word: str) -> bool:
    """Returns whether a word is a string without quotes, also to parsers of YAML 1.1, which read `no` as false."""
    elsewhere = str(Resolver().resolve(yaml.ScalarNode, word, (True, False)))  # type: ignore[no-untyped-call]
    return _PLAIN_WORD.fullmatch(word) is not None and read_scalar(word) == word and elsewhere.endswith(":str")


def _quoted(text: str) -> str:
    return str(yaml.safe_dump(text, default_style='"', width=float("inf"))).rstrip("\n")
