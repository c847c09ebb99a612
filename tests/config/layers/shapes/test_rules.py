"""The rules of output shapes against torch: an accepted layer gives torch's shape, a refused layer fails in torch."""

import random
from collections.abc import Callable

import pytest
import torch
from torch import nn

from cifar_cli.config.layers.shapes.infer_shapes import LayerShape, ShapeMismatchError, infer_shapes
from cifar_cli.config.layers.shapes.rules import RANKS, RULES
from cifar_cli.config.layers.table import LAYERS
from cifar_cli.models.layer import Layer

Draw = Callable[[random.Random], dict[str, object]]


def number_or_pair(draw: random.Random, least: int, most: int) -> object:
    if draw.random() < 0.5:
        return draw.randint(least, most)
    return (draw.randint(least, most), draw.randint(least, most))


def convolution(draw: random.Random) -> dict[str, object]:
    padding = draw.choice(["same", "valid", *(number_or_pair(draw, 0, 3) for _ in range(4))])
    return {
        "out_channels": draw.choice([2, 3, 4, 6]),
        "kernel_size": number_or_pair(draw, 1, 4),
        "stride": number_or_pair(draw, 1, 3),
        "padding": padding,
        "dilation": number_or_pair(draw, 1, 2),
        "groups": draw.choice([1, 1, 1, 2, 3]),
        "padding_mode": draw.choice(["zeros", "reflect", "replicate", "circular"]),
    }


def transposed_convolution(draw: random.Random) -> dict[str, object]:
    return {
        "out_channels": draw.choice([2, 4, 6]),
        "kernel_size": number_or_pair(draw, 1, 4),
        "stride": number_or_pair(draw, 1, 3),
        "padding": number_or_pair(draw, 0, 3),
        "output_padding": number_or_pair(draw, 0, 2),
        "dilation": number_or_pair(draw, 1, 2),
        "groups": draw.choice([1, 1, 2]),
    }


def pooling(draw: random.Random, **others: object) -> dict[str, object]:
    arguments = {"kernel_size": number_or_pair(draw, 1, 4), "ceil_mode": draw.random() < 0.5, **others}
    if draw.random() < 0.7:
        arguments["stride"] = number_or_pair(draw, 1, 4)
    return arguments


DRAWS: dict[str, Draw] = {
    "Conv2d": convolution,
    "ConvTranspose2d": transposed_convolution,
    "MaxPool2d": lambda draw: pooling(draw, padding=number_or_pair(draw, 0, 2), dilation=number_or_pair(draw, 1, 2)),
    "AvgPool2d": lambda draw: pooling(draw, padding=number_or_pair(draw, 0, 2)),
    "LPPool2d": lambda draw: pooling(draw, norm_type=2),
    "AdaptiveAvgPool2d": lambda draw: {
        "output_size": draw.choice([draw.randint(1, 5), (draw.randint(1, 5), None), (None, None)])
    },
    "AdaptiveMaxPool2d": lambda draw: {
        "output_size": draw.choice([draw.randint(1, 5), (draw.randint(1, 5), None), (None, None)])
    },
}


def torch_output_shape(layer: Layer, shape: tuple[int, ...]) -> tuple[int, ...] | None:
    """Returns torch's output shape for a batch of two images, or None if torch refuses or the output is empty."""
    try:
        module = getattr(nn, layer.type)(**layer.arguments).eval()
        output = module(torch.zeros(2, *shape))
    except (RuntimeError, ValueError, AssertionError):
        return None
    return tuple(output.shape[1:]) if output.numel() else None


def inferred(layer: Layer, shape: tuple[int, ...]) -> LayerShape | None:
    try:
        return infer_shapes([layer], shape)[0]
    except ShapeMismatchError:
        return None


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("layer_type", DRAWS)
def test_windows_give_torchs_shape_or_fail_where_torch_fails(layer_type: str) -> None:
    draw = random.Random(layer_type)
    passed = refused = 0
    for _ in range(200):
        shape = (draw.choice([1, 2, 4, 6]), draw.randint(1, 9), draw.randint(1, 9))
        layer = Layer("layer", layer_type, DRAWS[layer_type](draw))
        step = inferred(layer, shape)
        if step is None:
            refused += 1
            given = {**layer.arguments, **({"in_channels": shape[0]} if "in_channels" in LAYERS[layer_type] else {})}
            assert torch_output_shape(Layer("layer", layer_type, given), shape) is None, (given, shape)
        else:
            passed += 1
            complete = Layer("layer", layer_type, step.arguments)
            assert step.output_shape == torch_output_shape(complete, shape), (layer, shape)
    assert passed > 20
    assert refused > 20 or layer_type.startswith("Adaptive")


EXAMPLES: dict[str, dict[str, object]] = {
    "Linear": {"out_features": 5},
    "GroupNorm": {"num_groups": 2},
    "LocalResponseNorm": {"size": 2},
    "Unflatten": {"dim": 1, "unflattened_size": (2, -1)},
    "Threshold": {"threshold": 0.1, "value": 20},
}


@pytest.mark.parametrize("shape", [(4, 6, 8), (8, 6), (6,)], ids=str)
@pytest.mark.parametrize("layer_type", sorted(set(LAYERS) - set(DRAWS)))
def test_every_other_layer_type_gives_torchs_shape_for_images_and_rows(layer_type: str, shape: tuple[int, ...]) -> None:
    layer = Layer("layer", layer_type, EXAMPLES.get(layer_type, {}))
    if len(shape) not in RANKS.get(layer_type, (1, 2, 3)):
        with pytest.raises(ShapeMismatchError):
            infer_shapes([layer], shape)
        return
    (step,) = infer_shapes([layer], shape)
    assert step.output_shape == torch_output_shape(Layer("layer", layer_type, step.arguments), shape)


@pytest.mark.parametrize(
    ("layer_type", "arguments"),
    [
        ("GLU", {"dim": 1}),
        ("GLU", {"dim": 2}),
        ("Softmax", {"dim": 1}),
        ("Unflatten", {"dim": 2, "unflattened_size": (-1, 3)}),
        ("Unflatten", {"dim": 3, "unflattened_size": (2, 2, 2)}),
    ],
)
def test_a_layer_with_a_dim_gives_torchs_shape_for_every_dim(layer_type: str, arguments: dict[str, object]) -> None:
    layer, shape = Layer("layer", layer_type, arguments), (4, 6, 8)
    assert infer_shapes([layer], shape)[0].output_shape == torch_output_shape(layer, shape)


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("kernel_size", [2, 3, 4, 5])
@pytest.mark.parametrize("mode", ["reflect", "circular"])
def test_padding_same_needs_as_many_pixels_as_in_torch(kernel_size: int, mode: str) -> None:
    for side in range(1, 6):
        arguments = {"out_channels": 1, "kernel_size": kernel_size, "padding": "same", "padding_mode": mode}
        step = inferred(Layer("conv", "Conv2d", arguments), (1, side, side))
        expected = torch_output_shape(Layer("conv", "Conv2d", {"in_channels": 1, **arguments}), (1, side, side))
        assert (step.output_shape if step else None) == expected, side


def test_every_layer_type_has_a_rule() -> None:
    assert RULES.keys() == LAYERS.keys()
    assert RANKS.keys() <= LAYERS.keys()


def test_ceil_mode_keeps_the_window_that_extends_beyond_the_edge() -> None:
    for ceil_mode, side in ((False, 10), (True, 11)):
        pool = Layer("pool", "MaxPool2d", {"kernel_size": 3, "ceil_mode": ceil_mode})
        assert infer_shapes([pool], (3, 32, 32))[0].output_shape == (3, side, side)
