"""Explains torch's errors about shapes: which layer it was, what arrived there, and the number to write."""

import re
from collections.abc import Callable
from dataclasses import dataclass
from math import prod
from typing import TYPE_CHECKING

from cifar_cli import formatting

if TYPE_CHECKING:
    from torch import nn


@dataclass(frozen=True)
class LayerCall:
    """The call in which torch raised an error.

    layer: the innermost layer, None for an operation outside of layers; name: its name in the network; shape: of its
    input, None where unknown; batch: the number of images that the network got.
    """

    name: str
    layer: "nn.Module | None"
    shape: tuple[int, ...] | None
    batch: int | None

    @property
    def title(self) -> str:
        kind = type(self.layer).__name__
        return f"{self.name} ({kind})" if self.name else f"a {kind}"

    @property
    def arrived(self) -> str:
        """The shape that arrived, as `(B, 64, 4, 4)`."""
        if self.shape is None:
            return "another"
        first = "B" if self.shape and self.shape[0] == self.batch else str(self.shape[0]) if self.shape else ""
        return f"({', '.join([first, *map(str, self.shape[1:])])})"

    @property
    def lost_batch(self) -> bool:
        """Whether the first dimension is no longer that of the images."""
        return self.shape is not None and self.batch is not None and self.shape[:1] != (self.batch,)


def layer_mistake(text: str, call: LayerCall) -> str | None:
    """Returns expectation, finding and mend for the text of torch's error, None for an error that is not known."""
    for pattern, explain in MISTAKES.items():
        if match := re.search(pattern, text):
            return explain(match, call)
    return None


def _linear(match: re.Match[str], call: LayerCall) -> str | None:
    from torch import nn

    layer, shape = call.layer, call.shape
    if not isinstance(layer, nn.Linear) or shape is None:
        rows, columns, others, _ = map(int, match.groups())
        return (
            f"expected {others} numbers in each row of a matrix product, found {columns}, in {rows} rows; write "
            f"{columns} where the other matrix has {others}"
        )
    wanted = f"{layer.in_features} number{'' if layer.in_features == 1 else 's'}"
    finding = f"expected {wanted} for each image in {call.title}, found the shape {call.arrived}"
    if call.lost_batch:
        return f"{finding}, in which the images are mixed; keep the first dimension: x.flatten(1) in the place of it"
    numbers = prod(shape[1:])
    write = f"write nn.Linear({numbers}, {layer.out_features})"
    if len(shape) == 2:
        return f"{finding}; {write}"
    flatten = f"flatten it before, x = x.flatten(1), which gives {numbers} numbers"
    return f"{finding}; {flatten}" + ("" if numbers == layer.in_features else f", and {write}")


def _channels(match: re.Match[str], call: LayerCall) -> str | None:
    from torch import nn

    layer = call.layer
    expected, found = formatting.count(int(match[1]), "channel"), match[2]
    if layer is None:
        return f"expected {expected} in the convolution, found {found}; write {found} for its in_channels"
    kind, outputs = type(layer).__name__, getattr(layer, "out_channels", "…")
    groups = layer.groups if isinstance(layer, nn.Conv2d) and layer.groups > 1 else 1
    also = f", and groups that divide {found}" if groups > 1 else ""
    return (
        f"expected {expected} in {call.title}, found {found} in the shape {call.arrived}; write "
        f"nn.{kind}({found}, {outputs}, …){also}"
    )


def _images_needed(match: re.Match[str], call: LayerCall) -> str | None:
    return (
        f"expected images (B, channels, height, width) in {call.title}, found the shape {call.arrived}; take the "
        f"flattening before it away, or move it behind this layer"
    )


def _too_small(match: re.Match[str], call: LayerCall) -> str | None:
    side = formatting.shape(call.shape[2:]) if call.shape and len(call.shape) > 3 else "few"
    return (
        f"expected more pixels in {call.title}, found {side} in the shape {call.arrived}, fewer than its window takes; "
        f"leave out a pooling before it, or write padding=1"
    )


def _norm(match: re.Match[str], call: LayerCall) -> str | None:
    found, expected = match[1], formatting.count(int(match[2]), "channel")
    kind = type(call.layer).__name__
    return f"expected {expected} in {call.title}, found {found} in the shape {call.arrived}; write nn.{kind}({found})"


def _norm_dimensions(match: re.Match[str], call: LayerCall) -> str | None:
    other = "BatchNorm1d" if call.shape and len(call.shape) < 4 else "BatchNorm2d"
    return f"expected other dimensions in {call.title}, found the shape {call.arrived}; write nn.{other}"


def _layer_norm(match: re.Match[str], call: LayerCall) -> str | None:
    last = call.shape[-1] if call.shape else "…"
    return (
        f"expected the last dimensions {match[1]} in {call.title}, found the shape {call.arrived}; write "
        f"nn.LayerNorm({last}), for the last dimension"
    )


def _view(match: re.Match[str], call: LayerCall) -> str | None:
    wanted, size = match[1], int(match[2])
    finding = f"expected numbers that fit the shape [{wanted}], found {size:,}"
    if call.batch and size % call.batch == 0:
        finding += f", which are {size // call.batch:,} for each of {call.batch} images"
    return f"{finding}; write x.flatten(1), which keeps the images apart and needs no number"


def _strides(match: re.Match[str], call: LayerCall) -> str | None:
    return "expected numbers that lie together in memory, found others; write reshape in the place of view"


def _unequal(match: re.Match[str], call: LayerCall) -> str | None:
    one, other, dimension = match.groups()
    return (
        f"expected tensors of one size, found {one} and {other} in dimension {dimension}; give the layer between them "
        f"a padding that keeps the size (padding=1 for kernel_size=3), or the same number of channels"
    )


def _devices(match: re.Match[str], call: LayerCall) -> str | None:
    return (
        "expected all tensors on one device, found a tensor that does not move with the network; register it in "
        "__init__: self.register_buffer('name', tensor)"
    )


def _one_value(match: re.Match[str], call: LayerCall) -> str | None:
    return (
        f"expected more than one number for each channel in {call.title}, found the shape {call.arrived}; leave the "
        f"normalization out where a single pixel is left"
    )


MISTAKES: dict[str, Callable[[re.Match[str], LayerCall], str | None]] = {
    r"mat1 and mat2 shapes cannot be multiplied \((\d+)x(\d+) and (\d+)x(\d+)\)": _linear,
    r"to have (\d+) channels, but got (\d+) channels": _channels,
    r"Expected 3D \(unbatched\) or 4D \(batched\) input": _images_needed,
    r"Kernel size can't be greater than actual input size|Output size is too small": _too_small,
    r"running_mean should contain (\d+) elements not (\d+)": _norm,
    r"expected \S+ (?:or \S+ )?input \(got \dD input\)": _norm_dimensions,
    r"Given normalized_shape=(\[[\d, ]+\])": _layer_norm,
    r"shape '\[([-\d, ]+)\]' is invalid for input of size (\d+)": _view,
    r"view size is not compatible": _strides,
    r"size of tensor a \((\d+)\) must match the size of tensor b \((\d+)\) at non-singleton dimension (\d+)": _unequal,
    r"Expected all tensors to be on the same device": _devices,
    r"Expected more than 1 value per channel when training": _one_value,
}
