"""Reads unquoted YAML words by the core schema of YAML 1.2, where `no` is a string and 1e-3 a number."""

import re

MAX_DIGITS = 300  # more than any number needs; Python is slow to convert longer numbers, and refuses very long ones

NULL = {"", "~", "null", "Null", "NULL"}
_BOOL = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
_INT = re.compile(r"[-+]?[0-9]+")
_FLOAT = re.compile(r"[-+]?(\.[0-9]+|[0-9]+(\.[0-9]*)?)([eE][-+]?[0-9]+)?")
_NOT_FINITE = re.compile(r"([-+]?)\.(inf|Inf|INF)|\.(nan|NaN|NAN)")


def read_scalar(word: str) -> bool | int | float | str | None:
    """Returns the value of an unquoted word.

    Raises ValueError for a number of more than `MAX_DIGITS` digits.
    """
    if word in NULL:
        return None
    if word in _BOOL:
        return _BOOL[word]
    if _FLOAT.fullmatch(word):
        if len(word) > MAX_DIGITS:
            raise ValueError(f"a number of {len(word)} characters")
        return int(word) if _INT.fullmatch(word) else float(word)
    if match := _NOT_FINITE.fullmatch(word):
        return float(f"{match[1]}inf") if match[2] else float("nan")
    return word
