"""The output shape of each layer type, by the formulas of torch.nn's documentation.

A rule takes all arguments of the layer and the shape of one image without the batch. Axes count as in torch: 0 is the
batch, 1 the channels or features.
"""

from collections.abc import Mapping
from math import prod

from cifar_cli.config.layers.shapes.rule import Rule, Shape, ShapeError, as_int
from cifar_cli.config.layers.shapes.windows import adaptive_pool, conv, conv_transpose, pool
from cifar_cli.config.layers.table import LAYERS
from cifar_cli.models.layer import ArgumentValue

# The numbers of axes, without the batch, that a layer's input may have; other layers accept any number.
RANKS: dict[str, tuple[int, ...]] = {
    "Conv2d": (3,),
    "ConvTranspose2d": (3,),
    "MaxPool2d": (3,),
    "AvgPool2d": (3,),
    "LPPool2d": (3,),
    "AdaptiveAvgPool2d": (3,),
    "AdaptiveMaxPool2d": (3,),
    "BatchNorm1d": (1, 2),
    "BatchNorm2d": (3,),
    "InstanceNorm2d": (3,),
    "LocalResponseNorm": (2, 3, 4),
    "Dropout1d": (2,),
    "Dropout2d": (3,),
    "Softmax2d": (3,),
    "Linear": (1,),
}


def _same(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    return shape


def _axis(name: str, arguments: Mapping[str, ArgumentValue], shape: Shape) -> int:
    """Returns the axis as an index into `shape`. Raises ShapeError for a missing axis and for the batch's."""
    given = as_int(arguments[name])
    axes = len(shape) + 1
    axis = given + axes if given < 0 else given
    if axis == 0:
        finding = "expected an axis of the image, 1 or more, found the batch: images would be mixed"
        raise ShapeError(finding, f"write {name}: 1", name)
    if not 0 < axis < axes:
        raise ShapeError(f"expected an axis from 1 to {axes - 1}, found {given}", f"write for example {name}: 1", name)
    return axis - 1


def _flatten(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    start, end = _axis("start_dim", arguments, shape), _axis("end_dim", arguments, shape)
    if start > end:
        finding = f"expected an axis from start_dim on, found {arguments['end_dim']}"
        raise ShapeError(finding, "write for example end_dim: -1", "end_dim")
    return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])


def _unflatten(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    axis, sizes = _axis("dim", arguments, shape), arguments["unflattened_size"]
    assert isinstance(sizes, tuple)
    known = prod(as_int(size) for size in sizes if size != -1)
    rest, left_over = divmod(shape[axis], known)
    if left_over or (-1 not in sizes and rest != 1):
        found = "×".join(str(size) for size in sizes)
        raise ShapeError(
            f"expected sizes whose product is {shape[axis]}, found {found}",
            f"write for example [{shape[axis]}, 1]",
            "unflattened_size",
        )
    return (*shape[:axis], *(rest if size == -1 else as_int(size) for size in sizes), *shape[axis + 1 :])


def _glu(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    axis = _axis("dim", arguments, shape)
    if shape[axis] % 2:
        raise ShapeError(f"expected an axis of even length, found {shape[axis]}", "choose another dim", "dim")
    return (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])


def _softmax(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    _axis("dim", arguments, shape)
    return shape


def _linear(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    return (as_int(arguments["out_features"]),)


def _group_norm(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    if shape[0] % (groups := as_int(arguments["num_groups"])):
        finding = f"expected a divisor of the {shape[0]} channels, found {groups}"
        raise ShapeError(finding, "write for example num_groups: 1", "num_groups")
    return shape


def _instance_norm(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    if prod(shape[1:]) == 1:
        raise ShapeError("expected more than 1 pixel per channel, found 1×1", "take it away, or put it earlier")
    return shape


def _batch_norm(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    if not arguments["track_running_stats"] and prod(shape[1:]) == 1:
        finding = "expected more than 1 number per channel of an image with track_running_stats: false, found 1"
        raise ShapeError(finding, "leave track_running_stats out", "track_running_stats")
    return shape


def _prelu(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
    if arguments["num_parameters"] not in (1, shape[0]):
        raise ShapeError(
            f"expected 1 or the {shape[0]} channels, found {arguments['num_parameters']}",
            "write num_parameters: 1",
            "num_parameters",
        )
    return shape


def _ordered(low: str, high: str) -> Rule:
    """Returns the rule of a layer whose argument `low` must be below its argument `high`."""

    def rule(arguments: Mapping[str, ArgumentValue], shape: Shape) -> Shape:
        if not arguments[low] < arguments[high]:  # type: ignore[operator]  # both are numbers
            finding = f"expected a number below {high}, {arguments[high]}, found {arguments[low]}"
            raise ShapeError(finding, f"leave {low} and {high} out, or swap them", low)
        return shape

    return rule


RULES: dict[str, Rule] = dict.fromkeys(LAYERS, _same) | {
    "Conv2d": conv,
    "ConvTranspose2d": conv_transpose,
    "MaxPool2d": pool,
    "AvgPool2d": pool,
    "LPPool2d": pool,
    "AdaptiveAvgPool2d": adaptive_pool,
    "AdaptiveMaxPool2d": adaptive_pool,
    "BatchNorm1d": _batch_norm,
    "BatchNorm2d": _batch_norm,
    "InstanceNorm2d": _instance_norm,
    "GroupNorm": _group_norm,
    "Linear": _linear,
    "Flatten": _flatten,
    "Unflatten": _unflatten,
    "GLU": _glu,
    "Hardtanh": _ordered("min_val", "max_val"),
    "LogSoftmax": _softmax,
    "PReLU": _prelu,
    "RReLU": _ordered("lower", "upper"),
    "Softmax": _softmax,
    "Softmin": _softmax,
}
