"""The layer types that a configuration may list, with torch.nn's own arguments and defaults.

The arguments `device`, `dtype` and `return_indices` are not offered. The runtime chooses the first two. The third makes
a layer return two tensors, which a sequential model cannot pass on.
"""

from enum import Enum
from typing import NamedTuple, TypeAlias

from cifar_cli.config.layers.argument_types import (
    APPROXIMATE,
    AXIS,
    COUNT_OR_NONE,
    FLAG,
    MOMENTUM,
    NON_NEGATIVE_NUMBER,
    NON_NEGATIVE_SIZE,
    NUMBER,
    OUTPUT_SIZE,
    PADDING,
    PADDING_MODE,
    POSITIVE_INT,
    POSITIVE_NUMBER,
    PROBABILITY,
    SHAPE,
    SIZE,
    SIZE_OR_NONE,
    UNFLATTENED,
    ZEROS_ONLY,
    ArgumentType,
)
from cifar_cli.models.layer import ArgumentValue


class NoDefault(Enum):
    """The two reasons why an argument has no default."""

    REQUIRED = "must be given"
    INFERRED = "follows from the previous layer"


class Argument(NamedTuple):
    """One argument: its type, and torch's default or the reason why there is none."""

    type: ArgumentType
    default: ArgumentValue | NoDefault = NoDefault.REQUIRED


Arguments: TypeAlias = dict[str, Argument]

_INFERRED_INT = Argument(POSITIVE_INT, NoDefault.INFERRED)
_INPLACE: Arguments = {"inplace": Argument(FLAG, False)}
_EPS = Argument(POSITIVE_NUMBER, 1e-5)
_SOFTMAX: Arguments = {"dim": Argument(AXIS, NoDefault.INFERRED)}
_DROPOUT: Arguments = {"p": Argument(PROBABILITY, 0.5), **_INPLACE}


def _batch_norm(*, affine: bool, track_running_stats: bool) -> Arguments:
    return {
        "num_features": _INFERRED_INT,
        "eps": _EPS,
        "momentum": Argument(MOMENTUM, 0.1),
        "affine": Argument(FLAG, affine),
        "track_running_stats": Argument(FLAG, track_running_stats),
    }


_CONVOLUTION: Arguments = {
    "in_channels": _INFERRED_INT,
    "out_channels": Argument(POSITIVE_INT),
    "kernel_size": Argument(SIZE),
    "stride": Argument(SIZE, 1),
}

LAYERS: dict[str, Arguments] = {
    "Conv2d": {
        **_CONVOLUTION,
        "padding": Argument(PADDING, 0),
        "dilation": Argument(SIZE, 1),
        "groups": Argument(POSITIVE_INT, 1),
        "bias": Argument(FLAG, True),
        "padding_mode": Argument(PADDING_MODE, "zeros"),
    },
    "ConvTranspose2d": {
        **_CONVOLUTION,
        "padding": Argument(NON_NEGATIVE_SIZE, 0),
        "output_padding": Argument(NON_NEGATIVE_SIZE, 0),
        "groups": Argument(POSITIVE_INT, 1),
        "bias": Argument(FLAG, True),
        "dilation": Argument(SIZE, 1),
        "padding_mode": Argument(ZEROS_ONLY, "zeros"),
    },
    "MaxPool2d": {
        "kernel_size": Argument(SIZE),
        "stride": Argument(SIZE_OR_NONE, None),
        "padding": Argument(NON_NEGATIVE_SIZE, 0),
        "dilation": Argument(SIZE, 1),
        "ceil_mode": Argument(FLAG, False),
    },
    "AvgPool2d": {
        "kernel_size": Argument(SIZE),
        "stride": Argument(SIZE_OR_NONE, None),
        "padding": Argument(NON_NEGATIVE_SIZE, 0),
        "ceil_mode": Argument(FLAG, False),
        "count_include_pad": Argument(FLAG, True),
        "divisor_override": Argument(COUNT_OR_NONE, None),
    },
    "LPPool2d": {
        "norm_type": Argument(POSITIVE_NUMBER),
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
        "num_groups": Argument(POSITIVE_INT),
        "num_channels": _INFERRED_INT,
        "eps": _EPS,
        "affine": Argument(FLAG, True),
    },
    "LayerNorm": {
        "normalized_shape": Argument(SHAPE, NoDefault.INFERRED),
        "eps": _EPS,
        "elementwise_affine": Argument(FLAG, True),
        "bias": Argument(FLAG, True),
    },
    "LocalResponseNorm": {
        "size": Argument(POSITIVE_INT),
        "alpha": Argument(NUMBER, 1e-4),
        "beta": Argument(NUMBER, 0.75),
        "k": Argument(NUMBER, 1.0),
    },
    "Linear": {
        "in_features": _INFERRED_INT,
        "out_features": Argument(POSITIVE_INT),
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
    "CELU": {"alpha": Argument(POSITIVE_NUMBER, 1.0), **_INPLACE},
    "ELU": {"alpha": Argument(NUMBER, 1.0), **_INPLACE},
    "GELU": {"approximate": Argument(APPROXIMATE, "none")},
    "GLU": {"dim": Argument(AXIS, -1)},
    "Hardshrink": {"lambd": Argument(NON_NEGATIVE_NUMBER, 0.5)},
    "Hardsigmoid": _INPLACE,
    "Hardswish": _INPLACE,
    "Hardtanh": {"min_val": Argument(NUMBER, -1.0), "max_val": Argument(NUMBER, 1.0), **_INPLACE},
    "LeakyReLU": {"negative_slope": Argument(NUMBER, 0.01), **_INPLACE},
    "LogSigmoid": {},
    "LogSoftmax": _SOFTMAX,
    "Mish": _INPLACE,
    "PReLU": {"num_parameters": Argument(POSITIVE_INT, 1), "init": Argument(NUMBER, 0.25)},
    "ReLU": _INPLACE,
    "ReLU6": _INPLACE,
    "RReLU": {"lower": Argument(NUMBER, 1 / 8), "upper": Argument(NUMBER, 1 / 3), **_INPLACE},
    "SELU": _INPLACE,
    "SiLU": _INPLACE,
    "Sigmoid": {},
    "Softmax": _SOFTMAX,
    "Softmax2d": {},
    "Softmin": _SOFTMAX,
    "Softplus": {"beta": Argument(POSITIVE_NUMBER, 1.0), "threshold": Argument(NUMBER, 20.0)},
    "Softshrink": {"lambd": Argument(NON_NEGATIVE_NUMBER, 0.5)},
    "Softsign": {},
    "Tanh": {},
    "Tanhshrink": {},
    "Threshold": {"threshold": Argument(NUMBER), "value": Argument(NUMBER), **_INPLACE},
}

PASSING_LAYERS = {"Identity", "Flatten", "Dropout"}
"""Layers that do not change the values of class scores."""

SOFTMAX_LAYERS = {"Softmax", "Softmin", "Softmax2d"}
"""Layers whose outputs are probabilities."""

OUTPUT_RANGES = {
    **dict.fromkeys(SOFTMAX_LAYERS, (0.0, 1.0)),
    "Sigmoid": (0.0, 1.0),
    "Hardsigmoid": (0.0, 1.0),
    "Tanh": (-1.0, 1.0),
    "Softsign": (-1.0, 1.0),
}
"""The lowest and the highest value that a layer can return, for layers with both."""
