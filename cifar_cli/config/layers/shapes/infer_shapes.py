"""Infers the shapes of a list of layers without torch, and the arguments that follow from the previous layer.

A shape is the shape of one image, without the batch: (channels, height, width), or (features,) after Flatten.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from math import prod
from typing import TypeAlias

from cifar_cli import formatting
from cifar_cli.config.layers.shapes.rule import Shape, ShapeError
from cifar_cli.config.layers.shapes.rules import RANKS, RULES
from cifar_cli.config.layers.table import LAYERS, NoDefault
from cifar_cli.config.messages import format_value
from cifar_cli.models.layer import ArgumentValue, Layer

MAX_NUMBERS = 2**28  # per image and layer, 1 GiB in float32: more is a typing mistake

LayerArguments: TypeAlias = Mapping[str, ArgumentValue]


@dataclass(frozen=True)
class LayerShape:
    """A layer with all arguments, inferred and default values included, and with its input and output shape."""

    name: str
    type: str
    arguments: LayerArguments
    input_shape: Shape
    output_shape: Shape


class ShapeMismatchError(Exception):
    """A layer does not accept the output of the previous layer. argument: the wrong argument, if there is one."""

    def __init__(self, index: int, error: ShapeError) -> None:
        super().__init__(error.finding)
        self.index = index
        self.argument = error.argument
        self.finding = error.finding
        self.mend = error.mend


def infer_shapes(layers: Sequence[Layer], input_shape: Shape) -> list[LayerShape]:
    """Returns the arguments and shapes of each layer. Raises ShapeMismatchError at the first layer that does not fit.

    input_shape: of one image, (C, H, W).
    """
    inferred: list[LayerShape] = []
    shape = input_shape
    for index, layer in enumerate(layers):
        source = _source(inferred[-1]) if inferred else f"the images are {formatting.shape(input_shape)}"
        try:
            arguments = _complete(layer, shape, source)
            output_shape = RULES[layer.type](arguments, shape)
            if prod(output_shape) > MAX_NUMBERS:
                raise ShapeError(
                    f"expected at most {MAX_NUMBERS:,} numbers per image, found {formatting.shape(output_shape)}",
                    "make the layer smaller",
                )
        except ShapeError as error:
            raise ShapeMismatchError(index, error) from error
        inferred.append(LayerShape(layer.name, layer.type, arguments, shape, output_shape))
        shape = output_shape
    return inferred


def with_inferred_arguments(layers: Sequence[Layer], inferred: Sequence[LayerShape]) -> list[Layer]:
    """Returns the layers with inferred arguments, and without default values that the configuration does not name."""
    filled = []
    for layer, step in zip(layers, inferred, strict=True):
        wanted = {key for key, argument in LAYERS[layer.type].items() if argument.default is NoDefault.INFERRED}
        arguments = {key: value for key, value in step.arguments.items() if key in wanted | layer.arguments.keys()}
        filled.append(Layer(layer.name, layer.type, arguments))
    return filled


def _source(before: LayerShape) -> str:
    """Returns the origin of a shape, for messages: `flatten gives 64×4×4 = 1024`."""
    if len(before.output_shape) == 1 and len(before.input_shape) > 1 and before.type == "Flatten":
        return f"{before.name} gives {formatting.shape(before.input_shape)} = {before.output_shape[0]}"
    return f"{before.name} gives {formatting.shape(before.output_shape)}"


def _complete(layer: Layer, shape: Shape, source: str) -> dict[str, ArgumentValue]:
    """Returns all arguments of the layer in torch's order. Checks given values against the input shape."""
    _check_rank(layer.type, shape, source)
    complete: dict[str, ArgumentValue] = {}
    for key, (_, default) in LAYERS[layer.type].items():
        if default is NoDefault.INFERRED:
            right = _inferred_argument(key, shape)
            complete[key] = _checked(key, layer.arguments[key], right, source) if key in layer.arguments else right
        elif default is NoDefault.REQUIRED:
            complete[key] = layer.arguments[key]
        else:
            complete[key] = layer.arguments.get(key, default)
    return complete


def _inferred_argument(key: str, shape: Shape) -> ArgumentValue:
    """Returns an inferred argument: axis 1 for `dim`, the whole shape for `normalized_shape`, else the first size."""
    if key == "dim":
        return 1
    return shape if key == "normalized_shape" else shape[0]


def _checked(key: str, given: ArgumentValue, right: ArgumentValue, source: str) -> ArgumentValue:
    if key == "dim":
        return given
    if key == "normalized_shape":
        # torch normalizes over as many of the last axes as `normalized_shape` has sizes.
        sizes = given if isinstance(given, tuple) else (given,)
        if isinstance(right, tuple) and right[-len(sizes) :] == sizes:
            return given
    if given != right:
        raise ShapeError(
            f"expected {format_value(right)} ({source}), found {format_value(given)}",
            f"write {key}: {format_value(right)}, or leave it out",
            argument=key,
        )
    return given


def _check_rank(layer_type: str, shape: Shape, source: str) -> None:
    ranks = RANKS.get(layer_type)
    if ranks is None or len(shape) in ranks:
        return
    if ranks == (1,):
        mend = "add `- flatten: Flatten` before it"
        raise ShapeError(
            f"{layer_type} expected one row of numbers per image, found {formatting.shape(shape)} ({source})", mend
        )
    wanted = "channels × height × width" if 3 in ranks else "a row of numbers" if 1 in ranks else "channels × length"
    other = {("BatchNorm2d", 1): "BatchNorm1d", ("BatchNorm1d", 3): "BatchNorm2d", ("Dropout2d", 1): "Dropout"}
    other |= {("Dropout1d", 3): "Dropout2d", ("Dropout1d", 1): "Dropout", ("Softmax2d", 1): "Softmax"}
    instead = other.get((layer_type, len(shape)))
    mend = f"write type: {instead}" if instead else "put it before the Flatten"
    raise ShapeError(f"{layer_type} expected {wanted}, found {formatting.shape(shape)} ({source})", mend)
