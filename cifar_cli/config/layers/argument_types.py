"""The types of a layer's arguments."""

import math
from collections.abc import Callable
from typing import NamedTuple

from cifar_cli.models.layer import ArgumentValue


class ArgumentType(NamedTuple):
    """The values that an argument accepts: described for messages, by an example, and as a predicate."""

    expected: str
    example: ArgumentValue
    accepts: Callable[[object], bool]


def _is_int(value: object, least: int = 1, most: int = 2**31 - 1) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and least <= value <= most


def _is_shape(value: object, least: int = 1) -> bool:
    return isinstance(value, tuple) and 1 <= len(value) <= 8 and all(_is_int(part, least) for part in value)


def _is_size(value: object, least: int = 1) -> bool:
    is_pair = isinstance(value, tuple) and len(value) == 2 and _is_shape(value, least)
    return _is_int(value, least) or is_pair


def _is_output_size(value: object) -> bool:
    is_pair = isinstance(value, tuple) and len(value) == 2 and all(part is None or _is_int(part) for part in value)
    return _is_int(value) or is_pair


def _is_unflattened(value: object) -> bool:
    if not isinstance(value, tuple) or value.count(-1) > 1:
        return False
    return _is_shape(tuple(1 if part == -1 else part for part in value))


def _is_number(value: object, least: float = -math.inf, most: float = math.inf) -> bool:
    if isinstance(value, bool) or not isinstance(value, int | float):
        return False
    return math.isfinite(value) and least <= value <= most


POSITIVE_INT = ArgumentType("a whole number, at least 1", 32, _is_int)
COUNT_OR_NONE = ArgumentType("a whole number, at least 1, or null", 4, lambda value: value is None or _is_int(value))
SIZE = ArgumentType("a whole number, at least 1, or two of them: [height, width]", 3, _is_size)
SIZE_OR_NONE = ArgumentType(
    "a whole number, at least 1, or [height, width], or null for kernel_size",
    2,
    lambda value: value is None or _is_size(value),
)
NON_NEGATIVE_SIZE = ArgumentType(
    "a whole number, 0 or more, or two of them: [height, width]", 1, lambda value: _is_size(value, 0)
)
PADDING = ArgumentType(
    "a whole number, 0 or more, or [height, width], or same, or valid",
    1,
    lambda value: _is_size(value, 0) or value in ("same", "valid"),
)
PADDING_MODE = ArgumentType(
    "one of zeros, reflect, replicate, circular",
    "zeros",
    lambda value: value in ("zeros", "reflect", "replicate", "circular"),
)
ZEROS_ONLY = ArgumentType("zeros (torch has no other here)", "zeros", lambda value: value == "zeros")
OUTPUT_SIZE = ArgumentType(
    "a whole number, at least 1, or [height, width], where null keeps the side as it is", 1, _is_output_size
)
SHAPE = ArgumentType(
    "a whole number, at least 1, or a list of them", (64, 8, 8), lambda value: _is_int(value) or _is_shape(value)
)
UNFLATTENED = ArgumentType("a list of whole numbers, at least 1 each; one may be -1", (64, 4, 4), _is_unflattened)
AXIS = ArgumentType("a whole number between -8 and 7", 1, lambda value: _is_int(value, -8, 7))
FLAG = ArgumentType("true or false", True, lambda value: isinstance(value, bool))
NUMBER = ArgumentType("a number", 1.0, _is_number)
POSITIVE_NUMBER = ArgumentType("a number above 0", 1.0, lambda value: _is_number(value, math.ulp(0.0)))
NON_NEGATIVE_NUMBER = ArgumentType("a number, 0 or more", 0.5, lambda value: _is_number(value, 0))
PROBABILITY = ArgumentType("a number from 0 to 1", 0.5, lambda value: _is_number(value, 0, 1))
MOMENTUM = ArgumentType(
    "a number from 0 to 1, or null for a plain average",
    0.1,
    lambda value: value is None or _is_number(value, 0, 1),
)
APPROXIMATE = ArgumentType("none or tanh", "tanh", lambda value: value in ("none", "tanh"))
