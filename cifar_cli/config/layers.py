"""The layer types that a configuration may name, with torch.nn's own arguments and defaults. Knows nothing of shapes.

The arguments `device`, `dtype` and `return_indices` are not offered: the first two are the runtime's to choose, the
third makes a layer return two tensors, which a sequential model cannot pass on.
"""

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from enum import Enum
from typing import NamedTuple, TypeAlias

Value: TypeAlias = bool | int | float | str | tuple[int | None, ...] | None


@dataclass(frozen=True)
class Layer:
    """A named layer: `getattr(torch.nn, type)(**arguments)` builds it."""

    name: str
    type: str
    arguments: Mapping[str, Value]


# --- kinds of arguments --------------------------------------------------------------------------------------------


class Kind(NamedTuple):
    """What an argument may be: in words, by example, and as a test."""

    expected: str
    example: Value
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


COUNT = Kind("a whole number, at least 1", 32, _is_int)
COUNT_OR_NONE = Kind("a whole number, at least 1, or null", 4, lambda value: value is None or _is_int(value))
SIZE = Kind("a whole number, at least 1, or two of them: [height, width]", 3, _is_size)
SIZE_OR_NONE = Kind(
    "a whole number, at least 1, or [height, width], or null for kernel_size",
    2,
    lambda value: value is None or _is_size(value),
)
AMOUNT = Kind("a whole number, 0 or more, or two of them: [height, width]", 1, lambda value: _is_size(value, 0))
PADDING = Kind(
    "a whole number, 0 or more, or [height, width], or same, or valid",
    1,
    lambda value: _is_size(value, 0) or value in ("same", "valid"),
)
PADDING_MODE = Kind(
    "one of zeros, reflect, replicate, circular",
    "zeros",
    lambda value: value in ("zeros", "reflect", "replicate", "circular"),
)
ZEROS = Kind("zeros (torch has no other here)", "zeros", lambda value: value == "zeros")
OUTPUT_SIZE = Kind(
    "a whole number, at least 1, or [height, width], where null keeps the side as it is", 1, _is_output_size
)
SHAPE = Kind(
    "a whole number, at least 1, or a list of them", (64, 8, 8), lambda value: _is_int(value) or _is_shape(value)
)
UNFLATTENED = Kind("a list of whole numbers, at least 1 each; one may be -1", (64, 4, 4), _is_unflattened)
AXIS = Kind("a whole number between -8 and 7", 1, lambda value: _is_int(value, -8, 7))
FLAG = Kind("true or false", True, lambda value: isinstance(value, bool))
NUMBER = Kind("a number", 1.0, _is_number)
POSITIVE = Kind("a number above 0", 1.0, lambda value: _is_number(value, math.ulp(0.0)))
NON_NEGATIVE = Kind("a number, 0 or more", 0.5, lambda value: _is_number(value, 0))
PROBABILITY = Kind("a number from 0 to 1", 0.5, lambda value: _is_number(value, 0, 1))
MOMENTUM = Kind(
    "a number from 0 to 1, or null for a plain average",
    0.1,
    lambda value: value is None or _is_number(value, 0, 1),
)
APPROXIMATE = Kind("none or tanh", "tanh", lambda value: value in ("none", "tanh"))


# --- the table -----------------------------------------------------------------------------------------------------


class Without(Enum):
    """What stands for an argument without a default."""

    REQUIRED = "must be given"
    INFERRED = "follows from the layer before"


class Argument(NamedTuple):
    """One argument: its kind, and torch's default or what happens without one."""

    kind: Kind
    default: Value | Without = Without.REQUIRED


Arguments: TypeAlias = dict[str, Argument]

_INFERRED_COUNT = Argument(COUNT, Without.INFERRED)
_INPLACE: Arguments = {"inplace": Argument(FLAG, False)}
_EPS = Argument(POSITIVE, 1e-5)
_SOFTMAX: Arguments = {"dim": Argument(AXIS, Without.INFERRED)}
_DROPOUT: Arguments = {"p": Argument(PROBABILITY, 0.5), **_INPLACE}


def _batch_norm(*, affine: bool, track_running_stats: bool) -> Arguments:
    return {
        "num_features": _INFERRED_COUNT,
        "eps": _EPS,
        "momentum": Argument(MOMENTUM, 0.1),
        "affine": Argument(FLAG, affine),
        "track_running_stats": Argument(FLAG, track_running_stats),
    }


_CONVOLUTION: Arguments = {
    "in_channels": _INFERRED_COUNT,
    "out_channels": Argument(COUNT),
    "kernel_size": Argument(SIZE),
    "stride": Argument(SIZE, 1),
}

LAYERS: dict[str, Arguments] = {
    "Conv2d": {
        **_CONVOLUTION,
        "padding": Argument(PADDING, 0),
        "dilation": Argument(SIZE, 1),
        "groups": Argument(COUNT, 1),
        "bias": Argument(FLAG, True),
        "padding_mode": Argument(PADDING_MODE, "zeros"),
    },
    "ConvTranspose2d": {
        **_CONVOLUTION,
        "padding": Argument(AMOUNT, 0),
        "output_padding": Argument(AMOUNT, 0),
        "groups": Argument(COUNT, 1),
        "bias": Argument(FLAG, True),
        "dilation": Argument(SIZE, 1),
        "padding_mode": Argument(ZEROS, "zeros"),
    },
    "MaxPool2d": {
        "kernel_size": Argument(SIZE),
        "stride": Argument(SIZE_OR_NONE, None),
        "padding": Argument(AMOUNT, 0),
        "dilation": Argument(SIZE, 1),
        "ceil_mode": Argument(FLAG, False),
    },
    "AvgPool2d": {
        "kernel_size": Argument(SIZE),
        "stride": Argument(SIZE_OR_NONE, None),
        "padding": Argument(AMOUNT, 0),
        "ceil_mode": Argument(FLAG, False),
        "count_include_pad": Argument(FLAG, True),
        "divisor_override": Argument(COUNT_OR_NONE, None),
    },
    "LPPool2d": {
        "norm_type": Argument(POSITIVE),
        "kernel_size": Argument(SIZE),
        "stride": Argument(SIZE_OR_NONE, None),
        "ceil_mode": Argument(FLAG, False),
    },
    "AdaptiveAvgPool2d": {"output_size": Argument(OUTPUT_SIZE)},
    "AdaptiveMaxPool2d": {"output_size": Argument(OUTPUT_SIZE)},
    "BatchNorm1d": _batch_norm(affine=True, track_running_stats=True),
    "BatchNorm2d": _batch_norm(affine=True, track_running_stats=True),
    "InstanceNorm2d": _batch_norm(affine=False, track_running_stats=False),
    "GroupNorm": {
        "num_groups": Argument(COUNT),
        "num_channels": _INFERRED_COUNT,
        "eps": _EPS,
        "affine": Argument(FLAG, True),
    },
    "LayerNorm": {
        "normalized_shape": Argument(SHAPE, Without.INFERRED),
        "eps": _EPS,
        "elementwise_affine": Argument(FLAG, True),
        "bias": Argument(FLAG, True),
    },
    "LocalResponseNorm": {
        "size": Argument(COUNT),
        "alpha": Argument(NUMBER, 1e-4),
        "beta": Argument(NUMBER, 0.75),
        "k": Argument(NUMBER, 1.0),
    },
    "Linear": {
        "in_features": _INFERRED_COUNT,
        "out_features": Argument(COUNT),
        "bias": Argument(FLAG, True),
    },
    "Flatten": {"start_dim": Argument(AXIS, 1), "end_dim": Argument(AXIS, -1)},
    "Unflatten": {"dim": Argument(AXIS), "unflattened_size": Argument(UNFLATTENED)},
    "Identity": {},
    "Dropout": _DROPOUT,
    "Dropout1d": _DROPOUT,
    "Dropout2d": _DROPOUT,
    "AlphaDropout": _DROPOUT,
    "FeatureAlphaDropout": _DROPOUT,
    "CELU": {"alpha": Argument(POSITIVE, 1.0), **_INPLACE},
    "ELU": {"alpha": Argument(NUMBER, 1.0), **_INPLACE},
    "GELU": {"approximate": Argument(APPROXIMATE, "none")},
    "GLU": {"dim": Argument(AXIS, -1)},
    "Hardshrink": {"lambd": Argument(NON_NEGATIVE, 0.5)},
    "Hardsigmoid": _INPLACE,
    "Hardswish": _INPLACE,
    "Hardtanh": {"min_val": Argument(NUMBER, -1.0), "max_val": Argument(NUMBER, 1.0), **_INPLACE},
    "LeakyReLU": {"negative_slope": Argument(NUMBER, 0.01), **_INPLACE},
    "LogSigmoid": {},
    "LogSoftmax": _SOFTMAX,
    "Mish": _INPLACE,
    "PReLU": {"num_parameters": Argument(COUNT, 1), "init": Argument(NUMBER, 0.25)},
    "ReLU": _INPLACE,
    "ReLU6": _INPLACE,
    "RReLU": {"lower": Argument(NUMBER, 1 / 8), "upper": Argument(NUMBER, 1 / 3), **_INPLACE},
    "SELU": _INPLACE,
    "SiLU": _INPLACE,
    "Sigmoid": {},
    "Softmax": _SOFTMAX,
    "Softmax2d": {},
    "Softmin": _SOFTMAX,
    "Softplus": {"beta": Argument(POSITIVE, 1.0), "threshold": Argument(NUMBER, 20.0)},
    "Softshrink": {"lambd": Argument(NON_NEGATIVE, 0.5)},
    "Softsign": {},
    "Tanh": {},
    "Tanhshrink": {},
    "Threshold": {"threshold": Argument(NUMBER), "value": Argument(NUMBER), **_INPLACE},
}
