"""What shape comes out of each layer type, by the formulas of torch.nn's documentation. Knows one layer at a time.

A rule takes the complete arguments and the shape of one image without the batch. Axes count as torch counts them: 0 is
the batch, 1 the channels or features.
"""

from collections.abc import Callable, Mapping, Sequence
from math import prod
from typing import TypeAlias

from cifar_cli.config.kinds import Value
from cifar_cli.config.layers import LAYERS
from cifar_cli.config.words import shape as shown_shape

Shape: TypeAlias = tuple[int, ...]
Rule: TypeAlias = Callable[[Mapping[str, Value], Shape], Shape]


class ShapeError(Exception):
    """The layer cannot take what comes."""

    def __init__(self, finding: str, mend: str, argument: str | None = None) -> None:
        super().__init__(finding)
        self.finding = finding
        self.mend = mend
        self.argument = argument


# How many axes an image may have when it comes to a layer; a layer that is not here takes any number.
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


def _same(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    return shape


def _pair(value: Value) -> tuple[int, int]:
    """Returns [height, width] of an argument that may be one number for both."""
    if isinstance(value, tuple):
        height, width = value
    else:
        height = width = value  # type: ignore[assignment]
    assert isinstance(height, int)
    assert isinstance(width, int)
    return height, width


def _number(value: Value) -> int:
    assert isinstance(value, int), value
    return value


# --- windows that slide --------------------------------------------------------------------------------------------


def _window(size: int, kernel: int, stride: int, padding: int, dilation: int, *, ceil: bool = False) -> int:
    """Returns how many pixels come out along one axis. Raises ShapeError if none does."""
    room = size + 2 * padding - dilation * (kernel - 1) - 1
    outputs = (room + (stride - 1 if ceil else 0)) // stride + 1
    # A window may hang over the right edge, but must begin inside the image or its left padding.
    if ceil and (outputs - 1) * stride >= size + padding:
        outputs -= 1
    if outputs < 1:
        formula = f"({size} + 2×{padding} − {dilation}×({kernel} − 1) − 1) / {stride} + 1"
        raise ShapeError(
            f"expected at least 1 pixel to come out of each side, found {formula}, which is below 1",
            "make kernel_size smaller or padding larger, or take an earlier pooling away",
        )
    return outputs


def _conv(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    _check_groups(arguments)
    kernels, strides = _pair(arguments["kernel_size"]), _pair(arguments["stride"])
    dilations, padding = _pair(arguments["dilation"]), arguments["padding"]
    if padding == "same" and strides != (1, 1):
        raise ShapeError(
            f"padding same expected a stride of 1, found {shown_shape(strides)}", "write stride: 1", "stride"
        )
    _, *sides = shape
    if padding == "same":
        totals = [dilation * (kernel - 1) for kernel, dilation in zip(kernels, dilations, strict=True)]
        _check_padding_mode(arguments, sides, [total - total // 2 for total in totals])
        return (_number(arguments["out_channels"]), *sides)
    paddings = (0, 0) if padding == "valid" else _pair(padding)
    _check_padding_mode(arguments, sides, paddings)
    outputs = map(_window, sides, kernels, strides, paddings, dilations)
    return (_number(arguments["out_channels"]), *outputs)


def _check_groups(arguments: Mapping[str, Value]) -> None:
    groups = _number(arguments["groups"])
    for key in ("in_channels", "out_channels"):
        if (channels := _number(arguments[key])) % groups:
            raise ShapeError(
                f"expected a divisor of {key} {channels}, found {groups}", "write for example groups: 1", "groups"
            )


def _check_padding_mode(arguments: Mapping[str, Value], sides: Sequence[int], paddings: Sequence[int]) -> None:
    mode = arguments["padding_mode"]
    for side, padding in zip(sides, paddings, strict=True):
        # Mirroring leaves the edge itself out; going round can use it too.
        limit = {"reflect": side - 1, "circular": side}.get(str(mode), padding)
        if padding > limit:
            raise ShapeError(
                f"padding_mode {mode} expected a padding of at most {limit} for a side of {side}, found {padding}",
                f"write for example padding: {limit}",
                "padding",
            )


def _conv_transpose(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    _check_groups(arguments)
    _, *sides = shape
    outputs = [_number(arguments["out_channels"])]
    names = ("kernel_size", "stride", "padding", "output_padding", "dilation")
    for side, kernel, stride, padding, extra, dilation in zip(
        sides, *(_pair(arguments[name]) for name in names), strict=True
    ):
        if extra >= max(stride, dilation):
            raise ShapeError(
                f"expected less than stride or dilation, {max(stride, dilation)}, found {extra}",
                f"write for example output_padding: {max(stride, dilation) - 1}",
                "output_padding",
            )
        output = (side - 1) * stride - 2 * padding + dilation * (kernel - 1) + extra + 1
        if output < 1:
            sum_ = f"({side} − 1)×{stride} − 2×{padding} + {dilation}×({kernel} − 1) + {extra} + 1"
            raise ShapeError(
                f"expected at least 1 pixel to come out, found {sum_} = {output}", "make padding smaller", "padding"
            )
        outputs.append(output)
    return tuple(outputs)


def _pool(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    channels, *sides = shape
    kernels = _pair(arguments["kernel_size"])
    strides = kernels if arguments["stride"] is None else _pair(arguments["stride"])
    paddings, dilations = _pair(arguments.get("padding", 0)), _pair(arguments.get("dilation", 1))
    for kernel, padding in zip(kernels, paddings, strict=True):
        # Dilation does not count here: torch's CPU kernels allow half of the undilated size.
        limit = kernel // 2
        if padding > limit:
            raise ShapeError(
                f"expected at most half the kernel_size, {limit}, found {padding}",
                f"write for example padding: {limit}",
                "padding",
            )
    ceil = arguments["ceil_mode"] is True
    outputs = [
        _window(*numbers, ceil=ceil) for numbers in zip(sides, kernels, strides, paddings, dilations, strict=True)
    ]
    return (channels, *outputs)


def _adaptive_pool(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    channels, *sides = shape
    wanted = arguments["output_size"]
    sizes = wanted if isinstance(wanted, tuple) else (wanted, wanted)
    return (channels, *(side if size is None else _number(size) for side, size in zip(sides, sizes, strict=True)))


# --- axes ----------------------------------------------------------------------------------------------------------


def _axis(name: str, arguments: Mapping[str, Value], shape: Shape) -> int:
    """Returns the axis as an index into `shape`. Raises ShapeError for one that is not there, and for the batch."""
    given = _number(arguments[name])
    axes = len(shape) + 1
    axis = given + axes if given < 0 else given
    if axis == 0:
        finding = "expected an axis of the image, 1 or more, found that of the batch: images would be mixed"
        raise ShapeError(finding, f"write {name}: 1", name)
    if not 0 < axis < axes:
        raise ShapeError(f"expected an axis from 1 to {axes - 1}, found {given}", f"write for example {name}: 1", name)
    return axis - 1


def _flatten(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    start, end = _axis("start_dim", arguments, shape), _axis("end_dim", arguments, shape)
    if start > end:
        finding = f"expected an axis from start_dim on, found {arguments['end_dim']}"
        raise ShapeError(finding, "write for example end_dim: -1", "end_dim")
    return (*shape[:start], prod(shape[start : end + 1]), *shape[end + 1 :])


def _unflatten(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    axis, sizes = _axis("dim", arguments, shape), arguments["unflattened_size"]
    assert isinstance(sizes, tuple)
    known = prod(_number(size) for size in sizes if size != -1)
    rest, left_over = divmod(shape[axis], known)
    if left_over or (-1 not in sizes and rest != 1):
        found = "×".join(str(size) for size in sizes)
        raise ShapeError(
            f"expected sizes whose product is {shape[axis]}, found {found}",
            f"write for example [{shape[axis]}, 1]",
            "unflattened_size",
        )
    return (*shape[:axis], *(rest if size == -1 else _number(size) for size in sizes), *shape[axis + 1 :])


def _glu(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    axis = _axis("dim", arguments, shape)
    if shape[axis] % 2:
        raise ShapeError(f"expected an axis of even length, found {shape[axis]}", "choose another dim", "dim")
    return (*shape[:axis], shape[axis] // 2, *shape[axis + 1 :])


def _softmax(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    _axis("dim", arguments, shape)
    return shape


# --- layers that keep the shape, and want something of it ----------------------------------------------------------


def _linear(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    return (_number(arguments["out_features"]),)


def _group_norm(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    if shape[0] % (groups := _number(arguments["num_groups"])):
        finding = f"expected a divisor of the {shape[0]} channels, found {groups}"
        raise ShapeError(finding, "write for example num_groups: 1", "num_groups")
    return shape


def _instance_norm(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    if prod(shape[1:]) == 1:
        raise ShapeError("expected more than 1 pixel per channel, found 1×1", "take it away, or put it earlier")
    return shape


def _prelu(arguments: Mapping[str, Value], shape: Shape) -> Shape:
    if arguments["num_parameters"] not in (1, shape[0]):
        raise ShapeError(
            f"expected 1 or the {shape[0]} channels, found {arguments['num_parameters']}",
            "write num_parameters: 1",
            "num_parameters",
        )
    return shape


def _ordered(low: str, high: str) -> Rule:
    """Returns the rule of a layer that wants `low` below `high`."""

    def rule(arguments: Mapping[str, Value], shape: Shape) -> Shape:
        if not arguments[low] < arguments[high]:  # type: ignore[operator]  # both are numbers
            finding = f"expected a number below {high}, {arguments[high]}, found {arguments[low]}"
            raise ShapeError(finding, f"leave {low} and {high} out, or swap them", low)
        return shape

    return rule


RULES: dict[str, Rule] = dict.fromkeys(LAYERS, _same) | {
    "Conv2d": _conv,
    "ConvTranspose2d": _conv_transpose,
    "MaxPool2d": _pool,
    "AvgPool2d": _pool,
    "LPPool2d": _pool,
    "AdaptiveAvgPool2d": _adaptive_pool,
    "AdaptiveMaxPool2d": _adaptive_pool,
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
