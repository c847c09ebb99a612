"""Computes the receptive field of one number of a feature map, from operation to operation, by arithmetic.

Along each axis the number at position p sees the pixels from first + p·stride to last + p·stride. A window of `kernel`
positions adds (kernel − 1)·stride to the field, and its own stride multiplies the stride; where branches meet, the
fields are united. Operations are torch's own (`aten`) by name. Nothing is run.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from math import ceil, floor
from typing import Any, TypeAlias


@dataclass(frozen=True)
class Axis:
    """The receptive fields of the positions 0 … length − 1 along one axis.

    first, last: the pixels that position 0 would see if the image had no end; stride: pixels from one position to the
    next, 0 where all positions see the same; lowest, highest: the outermost pixels of the image that a position sees.
    """

    length: int
    stride: Fraction
    first: Fraction
    last: Fraction
    lowest: int
    highest: int

    @property
    def size(self) -> int:
        """Pixels that one position sees, those beyond the edge of the image included."""
        return floor(self.last - self.first) + 1

    def seen(self, position: int) -> tuple[int, int]:
        """Returns the first and the last pixel of the image that this position sees."""
        start, end = self.first + position * self.stride, self.last + position * self.stride
        return max(ceil(start), self.lowest), min(floor(end), self.highest)


Field: TypeAlias = tuple[Axis, ...]  # height, width

# Operations that compute each number from the same position only, besides those that torch tags as pointwise.
POSITIONWISE = {
    "_native_batch_norm_legit_no_training",
    "_prelu_kernel",
    "_to_copy",
    "alias",
    "clone",
    "copy_",
    "cudnn_batch_norm",
    "detach",
    "hardswish",
    "hardswish_",
    "log_sigmoid_forward",
    "mish_",
    "native_batch_norm",
    "native_dropout",
    "rrelu_with_noise",
    "threshold_",
}
WHOLE = {"addmm", "mm", "bmm", "native_group_norm", "native_layer_norm"}
REDUCTIONS = {"mean", "sum", "amax", "amin", "var", "std"}
WINDOWS = {"convolution", "max_pool2d_with_indices", "avg_pool2d"}
ADAPTIVE = {"_adaptive_avg_pool2d", "adaptive_max_pool2d"}
PADDINGS = {"constant_pad_nd", "reflection_pad2d", "replication_pad2d"}
RESHAPES = {"view", "_unsafe_view", "squeeze", "unsqueeze", "reshape"}


def of_image(sides: Sequence[int]) -> Field:
    """Returns the field of the pixels themselves: each pixel sees itself."""
    return tuple(Axis(side, Fraction(1), Fraction(0), Fraction(0), 0, side - 1) for side in sides)


def follow(
    name: str,
    arguments: Mapping[str, Any],
    fields: Sequence[Field | None],
    *,
    output_shape: Sequence[int],
    is_pointwise: bool,
) -> Field | None:
    """Returns the field of the output of one operation, None where unknown.

    arguments: by the names of torch's schema, tensors as they are; fields: of the inputs that come from the image.
    """
    known = [field for field in fields if field is not None]
    if len(known) < len(fields) or not known:
        return None
    field = known[0]
    sides = tuple(output_shape[2:]) if len(output_shape) == 4 else tuple(axis.length for axis in field)
    if name in WINDOWS and len(output_shape) == 4:
        return _windows(name, arguments, field, sides)
    if name in ADAPTIVE:
        return tuple(_adaptive(axis, length) for axis, length in zip(field, sides, strict=True))
    if name in PADDINGS and len(output_shape) == 4:
        return _padded(field, list(arguments.get("pad") or arguments["padding"]), sides)
    if name == "as_strided_" and all(axis.length == 1 for axis in field):
        return field  # a change of memory format, which does not change a single number
    if name in REDUCTIONS:
        return _reduced(field, arguments.get("dim"), len(output_shape))
    if name in RESHAPES:
        return _reshaped(field, output_shape)
    if name == "cat":
        return _union(known) if arguments.get("dim", 0) == 1 else None
    if name in ("_softmax", "_log_softmax") and arguments["dim"] % len(output_shape) == 1:
        return field if len(output_shape) == 4 else everything(field)
    if name in ("native_batch_norm", "cudnn_batch_norm") and arguments["training"]:
        return everything(field)
    if name == "glu":
        return field if arguments.get("dim", -1) % len(output_shape) == 1 else None  # else it halves the map
    if name in WHOLE:
        return everything(_union(known))
    return _union(known) if is_pointwise or name in POSITIONWISE else None


def everything(field: Field) -> Field:
    """Returns the field of numbers that each see all pixels that any position sees."""
    return tuple(
        replace(axis, stride=Fraction(0), first=Fraction(axis.lowest), last=Fraction(axis.highest)) for axis in field
    )


def pair(value: Sequence[int] | int) -> tuple[int, int]:
    """Returns (height, width) of an argument that torch accepts as one number or two."""
    if isinstance(value, int):
        return value, value
    return (value[0], value[-1])


def _windows(name: str, arguments: Mapping[str, Any], field: Field, sides: Sequence[int]) -> Field | None:
    is_convolution = name == "convolution"
    kernels = tuple(arguments["weight"].shape[2:]) if is_convolution else pair(arguments["kernel_size"])
    strides = pair(arguments.get("stride") or kernels)
    paddings, dilations = pair(arguments.get("padding", 0)), pair(arguments.get("dilation", 1))
    is_transposed = is_convolution and arguments["transposed"]
    if is_transposed and any(axis.stride > 1 < stride for axis, stride in zip(field, strides, strict=True)):
        return None  # neighbours take in a position more or less, each of several pixels: no Axis says so
    step = _transposed if is_transposed else _window
    return tuple(map(step, field, kernels, strides, paddings, dilations, sides))


def _window(axis: Axis, kernel: int, stride: int, padding: int, dilation: int, length: int) -> Axis:
    first = axis.first - padding * axis.stride
    last = axis.last + ((kernel - 1) * dilation - padding) * axis.stride
    return _bounded(Axis(length, axis.stride * stride, first, last, axis.lowest, axis.highest))


def _transposed(axis: Axis, kernel: int, stride: int, padding: int, dilation: int, length: int) -> Axis:
    # Position p gets something from the inputs i with i·stride − padding + k·dilation = p for some k of the kernel.
    finer = axis.stride / stride
    first = axis.first + (padding - (kernel - 1) * dilation) * finer
    return _bounded(Axis(length, finer, first, axis.last + padding * finer, axis.lowest, axis.highest))


def _adaptive(axis: Axis, length: int) -> Axis:
    # torch's windows: from ⌊i·n/m⌋ up to, not including, ⌈(i + 1)·n/m⌉. With n/m in lowest terms, ⌊x⌋ = ⌈x − (m − 1)/m⌉
    # for every x = i·n/m, which is what Axis rounds.
    step = Fraction(axis.length, length)
    slack = Fraction(step.denominator - 1, step.denominator)
    first = axis.first - slack * axis.stride
    last = axis.last + Fraction(step.numerator - 1, step.denominator) * axis.stride
    return _bounded(Axis(length, axis.stride * step, first, last, axis.lowest, axis.highest))


def _bounded(axis: Axis) -> Axis:
    """Returns the axis without the pixels at its ends that a stride skips."""
    (lowest, _), (_, highest) = axis.seen(0), axis.seen(axis.length - 1)
    return replace(axis, lowest=lowest, highest=highest)


def _padded(field: Field, padding: Sequence[int], sides: Sequence[int]) -> Field:
    left, top = padding[0], padding[2] if len(padding) > 2 else 0  # torch counts from the last axis
    return tuple(
        replace(axis, length=side, first=axis.first - before * axis.stride, last=axis.last - before * axis.stride)
        for axis, side, before in zip(field, sides, (top, left), strict=True)
    )


def _reduced(field: Field, dims: Sequence[int] | int | None, output_rank: int) -> Field | None:
    if dims is None:
        return everything(field)
    reduced = {dim % 4 for dim in ([dims] if isinstance(dims, int) else dims)}
    if reduced == {1}:
        return field
    if reduced != {2, 3} and output_rank != 4:
        return None
    whole = tuple(replace(axis, length=1) for axis in everything(field))
    return tuple(whole[i] if i + 2 in reduced else field[i] for i in range(2))


def _reshaped(field: Field, output_shape: Sequence[int]) -> Field | None:
    if len(output_shape) <= 2 or tuple(output_shape[2:]) == tuple(axis.length for axis in field):
        return field  # flattening does not change what a number sees
    if len(output_shape) == 4 and all(axis.stride == 0 or axis.length == 1 for axis in field):
        return tuple(
            replace(axis, length=length) for axis, length in zip(everything(field), output_shape[2:], strict=True)
        )
    return None


def _union(fields: Sequence[Field]) -> Field:
    return tuple(_joined(axes) for axes in zip(*fields, strict=True))


def _joined(axes: Sequence[Axis]) -> Axis:
    lowest, highest = min(axis.lowest for axis in axes), max(axis.highest for axis in axes)
    length = max(axis.length for axis in axes)
    if len({(axis.length, axis.stride) for axis in axes}) > 1:
        # One number per channel is broadcast over a map: every position sees what that number sees.
        return Axis(length, Fraction(0), Fraction(lowest), Fraction(highest), lowest, highest)
    first, last = min(axis.first for axis in axes), max(axis.last for axis in axes)
    return Axis(length, axes[0].stride, first, last, lowest, highest)
