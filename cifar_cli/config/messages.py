"""Formats values and names for messages."""

from collections.abc import Iterable

from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.errors import did_you_mean

LONGEST_SHOWN = 60  # characters


def format_value(value: object) -> str:
    """Returns the value as YAML on one line, cut at `LONGEST_SHOWN` characters."""
    text = to_flow_yaml(value)
    return text if len(text) <= LONGEST_SHOWN else text[: LONGEST_SHOWN - 1] + "…"


def found(value: object) -> str:
    """Returns the value for the end of "…, found": text in quotes, so that '3' and 3 differ."""
    if value is None:
        return "nothing"
    if isinstance(value, str):
        return repr(value) if len(value) <= LONGEST_SHOWN else repr(value[: LONGEST_SHOWN - 1] + "…")
    return format_value(value)


def nearest(word: str, known: Iterable[str]) -> str:
    """Returns `; did you mean 'x'?` for the nearest known word, ignoring case, or an empty string."""
    by_lower_case = {name.lower(): name for name in known}
    if word.lower() in by_lower_case:
        return f"; did you mean '{by_lower_case[word.lower()]}'?"
    return did_you_mean(word, by_lower_case.values())
