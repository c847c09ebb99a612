"""Inferred shapes against torch: accepted layers run and give the inferred shape, refused layers fail."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

import random
from collections.abc import Callable

import pytest
import torch
from torch import nn

from cifar_cli.config.layers.shapes.infer_shapes import (
    LayerShape,
    ShapeMismatchError,
    infer_shapes,
    with_inferred_arguments,
)
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


def pooling(draw: random.Random, **more: object) -> dict[str, object]:
    arguments = {"kernel_size": number_or_pair(draw, 1, 4), "ceil_mode": draw.random() < 0.5, **more}
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
    """Returns what torch gives for a batch of two such images, None where it refuses or nothing is left of them."""
    try:
        module = getattr(nn, layer.type)(**layer.arguments).eval()
        output = module(torch.zeros(2, *shape))
    except (RuntimeError, ValueError, AssertionError):
        return None
    return tuple(output.shape[1:]) if output.numel() else None


def walked(layer: Layer, shape: tuple[int, ...]) -> LayerShape | None:
    try:
        return infer_shapes([layer], shape)[0]
    except ShapeMismatchError:
        return None


@pytest.mark.filterwarnings("ignore:Using padding='same' with even kernel lengths")
@pytest.mark.parametrize("layer_type", DRAWS)
def test_sliding_windows_give_torchs_shapes_and_fail_where_torch_fails(layer_type: str) -> None:
    draw = random.Random(layer_type)
    passed = refused = 0
    for _ in range(200):
        shape = (draw.choice([1, 2, 4, 6]), draw.randint(1, 9), draw.randint(1, 9))
        layer = Layer("layer", layer_type, DRAWS[layer_type](draw))
        step = walked(layer, shape)
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
def test_every_other_layer_type_gives_torchs_shape_for_images_and_for_rows(
    layer_type: str, shape: tuple[int, ...]
) -> None:
    layer = Layer("layer", layer_type, EXAMPLES.get(layer_type, {}))
    if len(shape) not in RANKS.get(layer_type, (1, 2, 3)):
        with pytest.raises(ShapeMismatchError):
            infer_shapes([layer], shape)
        return
    (step,) = infer_shapes([layer], shape)
    assert step.output_shape == torch_output_shape(Layer("layer", layer_type, step.arguments), shape)


def test_every_layer_type_has_a_rule() -> None:
    assert RULES.keys() == LAYERS.keys()
    assert RANKS.keys() <= LAYERS.keys()


def test_the_tutorials_model_has_the_shapes_worked_out_by_hand() -> None:
    pool = {"kernel_size": 2}
    layers = [
        Layer("conv1", "Conv2d", {"out_channels": 32, "kernel_size": 5, "padding": 2}),
        Layer("pool1", "MaxPool2d", pool),
        Layer("conv2", "Conv2d", {"out_channels": 32, "kernel_size": 5, "padding": 2}),
        Layer("pool2", "MaxPool2d", pool),
        Layer("conv3", "Conv2d", {"out_channels": 64, "kernel_size": 5, "padding": 2}),
        Layer("pool3", "MaxPool2d", pool),
        Layer("flatten", "Flatten", {}),
        Layer("fc1", "Linear", {"out_features": 64}),
        Layer("fc2", "Linear", {"out_features": 10}),
    ]
    steps = infer_shapes(layers, (3, 32, 32))
    assert [step.output_shape for step in steps] == [
        (32, 32, 32), (32, 16, 16), (32, 16, 16), (32, 8, 8), (64, 8, 8), (64, 4, 4), (1024,), (64,), (10,),
    ]  # fmt: skip
    assert steps[0].arguments == {
        "in_channels": 3, "out_channels": 32, "kernel_size": 5, "stride": 1, "padding": 2, "dilation": 1, "groups": 1,
        "bias": True, "padding_mode": "zeros",
    }  # fmt: skip
    filled = with_inferred_arguments(layers, steps)
    assert filled[0].arguments == {"in_channels": 3, "out_channels": 32, "kernel_size": 5, "padding": 2}
    assert filled[7].arguments == {"in_features": 1024, "out_features": 64}


def test_ceil_mode_keeps_the_window_that_hangs_over_the_edge() -> None:
    for ceil_mode, side in ((False, 10), (True, 11)):
        pool = Layer("pool", "MaxPool2d", {"kernel_size": 3, "ceil_mode": ceil_mode})
        assert infer_shapes([pool], (3, 32, 32))[0].output_shape == (3, side, side)


def test_the_inferred_numbers_of_every_norm_layer() -> None:
    def first_arguments(layer_type: str, **arguments: object) -> object:
        return infer_shapes([Layer("norm", layer_type, arguments)], (4, 6, 6))[0].arguments

    assert first_arguments("BatchNorm2d")["num_features"] == 4
    assert first_arguments("InstanceNorm2d")["num_features"] == 4
    assert first_arguments("GroupNorm", num_groups=2)["num_channels"] == 4
    assert first_arguments("LayerNorm")["normalized_shape"] == (4, 6, 6)
    assert first_arguments("LayerNorm", normalized_shape=6)["normalized_shape"] == 6
    assert first_arguments("Softmax")["dim"] == 1


def issue(*layers: tuple[str, str, dict[str, object]], shape: tuple[int, ...] = (3, 8, 8)) -> str:
    """Returns `layer.argument: finding; mend` of the first layer that does not fit."""
    with pytest.raises(ShapeMismatchError) as caught:
        infer_shapes([Layer(*layer) for layer in layers], shape)
    error = caught.value
    return f"{layers[error.index][0]}.{error.argument}: {error.finding}; {error.mend}"


FLATTEN = ("flatten", "Flatten", {})


@pytest.mark.parametrize(
    ("layers", "words"),
    [
        (
            [FLATTEN, ("fc1", "Linear", {"in_features": 512, "out_features": 10})],
            "fc1.in_features: expected 192 (flatten gives 3×8×8 = 192), found 512; write in_features: 192, or leave it out",
        ),
        (
            [("conv1", "Conv2d", {"in_channels": 1, "out_channels": 2, "kernel_size": 3})],
            "conv1.in_channels: expected 3 (the images are 3×8×8), found 1; write in_channels: 3, or leave it out",
        ),
        (
            [("conv1", "Conv2d", {"out_channels": 2, "kernel_size": 3}), ("norm", "BatchNorm2d", {"num_features": 3})],
            "norm.num_features: expected 2 (conv1 gives 2×6×6), found 3; write num_features: 2, or leave it out",
        ),
        (
            [("norm", "LayerNorm", {"normalized_shape": (3, 8)})],
            "norm.normalized_shape: expected [3, 8, 8] (the images are 3×8×8), found [3, 8]; "
            "write normalized_shape: [3, 8, 8], or leave it out",
        ),
        (
            [("fc1", "Linear", {"out_features": 10})],
            "fc1.None: Linear expected one row of numbers per image, found 3×8×8 (the images are 3×8×8); "
            "add `- flatten: Flatten` before it",
        ),
        (
            [FLATTEN, ("conv1", "Conv2d", {"out_channels": 2, "kernel_size": 3})],
            "conv1.None: Conv2d expected channels × height × width, found 192 (flatten gives 3×8×8 = 192); "
            "put it before the Flatten",
        ),
        (
            [FLATTEN, ("norm", "BatchNorm2d", {})],
            "norm.None: BatchNorm2d expected channels × height × width, found 192 (flatten gives 3×8×8 = 192); "
            "write type: BatchNorm1d",
        ),
        (
            [("norm", "BatchNorm1d", {})],
            "norm.None: BatchNorm1d expected a row of numbers, found 3×8×8 (the images are 3×8×8); "
            "write type: BatchNorm2d",
        ),
        (
            [("drop", "Dropout1d", {})],
            "drop.None: Dropout1d expected channels × length, found 3×8×8 (the images are 3×8×8); "
            "write type: Dropout2d",
        ),
        (
            [("pool", "MaxPool2d", {"kernel_size": 9})],
            "pool.None: expected at least 1 pixel to come out of each side, found (8 + 2×0 − 1×(9 − 1) − 1) / 9 + 1, "
            "which is below 1; make kernel_size smaller or padding larger, or take an earlier pooling away",
        ),
        (
            [("up", "ConvTranspose2d", {"out_channels": 2, "kernel_size": 1, "padding": 4})],
            "up.padding: expected at least 1 pixel to come out, found (8 − 1)×1 − 2×4 + 1×(1 − 1) + 0 + 1 = 0; "
            "make padding smaller",
        ),
        (
            [("up", "ConvTranspose2d", {"out_channels": 2, "kernel_size": 2, "stride": 2, "output_padding": 2})],
            "up.output_padding: expected less than stride or dilation, 2, found 2; write for example output_padding: 1",
        ),
        (
            [("conv1", "Conv2d", {"out_channels": 4, "kernel_size": 1, "groups": 2})],
            "conv1.groups: expected a divisor of in_channels 3, found 2; write for example groups: 1",
        ),
        (
            [("conv1", "Conv2d", {"out_channels": 4, "kernel_size": 3, "stride": 2, "padding": "same"})],
            "conv1.stride: padding same expected a stride of 1, found 2×2; write stride: 1",
        ),
        (
            [("conv1", "Conv2d", {"out_channels": 4, "kernel_size": 3, "padding": 8, "padding_mode": "reflect"})],
            "conv1.padding: padding_mode reflect expected a padding of at most 7 for a side of 8, found 8; "
            "write for example padding: 7",
        ),
        (
            [("pool", "MaxPool2d", {"kernel_size": 3, "padding": 2})],
            "pool.padding: expected at most half the kernel_size, 1, found 2; write for example padding: 1",
        ),
        (
            [("norm", "GroupNorm", {"num_groups": 2})],
            "norm.num_groups: expected a divisor of the 3 channels, found 2; write for example num_groups: 1",
        ),
        (
            [("pool", "AdaptiveAvgPool2d", {"output_size": 1}), ("norm", "InstanceNorm2d", {})],
            "norm.None: expected more than 1 pixel per channel, found 1×1; take it away, or put it earlier",
        ),
        (
            [("flatten", "Flatten", {}), ("norm", "BatchNorm1d", {"track_running_stats": False})],
            "norm.track_running_stats: expected more than 1 number per channel of an image with track_running_stats: "
            "false, found 1; leave track_running_stats out",
        ),
        (
            [("act", "PReLU", {"num_parameters": 2})],
            "act.num_parameters: expected 1 or the 3 channels, found 2; write num_parameters: 1",
        ),
        (
            [("act", "Hardtanh", {"min_val": 2})],
            "act.min_val: expected a number below max_val, 1.0, found 2; leave min_val and max_val out, or swap them",
        ),
        (
            [("flatten", "Flatten", {"start_dim": 0})],
            "flatten.start_dim: expected an axis of the image, 1 or more, found that of the batch: images would be "
            "mixed; write start_dim: 1",
        ),
        (
            [("flatten", "Flatten", {"start_dim": 3, "end_dim": 2})],
            "flatten.end_dim: expected an axis from start_dim on, found 2; write for example end_dim: -1",
        ),
        (
            [("act", "Softmax", {"dim": 4})],
            "act.dim: expected an axis from 1 to 3, found 4; write for example dim: 1",
        ),
        (
            [("act", "GLU", {"dim": 1})],
            "act.dim: expected an axis of even length, found 3; choose another dim",
        ),
        (
            [FLATTEN, ("back", "Unflatten", {"dim": 1, "unflattened_size": (5, -1)})],
            "back.unflattened_size: expected sizes whose product is 192, found 5×-1; write for example [192, 1]",
        ),
        (
            [("up", "ConvTranspose2d", {"out_channels": 2, "kernel_size": 2, "stride": 100_000})],
            "up.None: expected at most 268,435,456 numbers per image, found 2×700002×700002; make the layer smaller",
        ),
    ],
)  # fmt: skip
def test_a_layer_that_does_not_fit_is_named_with_the_right_number(
    layers: list[tuple[str, str, dict[str, object]]], words: str
) -> None:
    assert issue(*layers) == words
