"""The shapes and inferred arguments of a list of layers, and the message for the first layer that does not fit."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

import pytest

from cifar_cli.config.layers.shapes.infer_shapes import (
    ShapeMismatchError,
    infer_shapes,
    with_inferred_arguments,
)
from cifar_cli.models.layer import Layer


def test_the_tutorials_model_has_the_shapes_worked_by_hand() -> None:
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


def test_the_inferred_arguments_of_every_norm_layer() -> None:
    def first_arguments(layer_type: str, **arguments: object) -> object:
        return infer_shapes([Layer("norm", layer_type, arguments)], (4, 6, 6))[0].arguments

    assert first_arguments("BatchNorm2d")["num_features"] == 4
    assert first_arguments("InstanceNorm2d")["num_features"] == 4
    assert first_arguments("GroupNorm", num_groups=2)["num_channels"] == 4
    assert first_arguments("LayerNorm")["normalized_shape"] == (4, 6, 6)
    assert first_arguments("LayerNorm", normalized_shape=6)["normalized_shape"] == 6
    assert first_arguments("Softmax")["dim"] == 1


def message(*layers: tuple[str, str, dict[str, object]], shape: tuple[int, ...] = (3, 8, 8)) -> str:
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
            "flatten.start_dim: expected an axis of the image, 1 or more, found the batch: images would be "
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
def test_the_message_for_a_layer_that_does_not_fit_has_the_mend(
    layers: list[tuple[str, str, dict[str, object]]], words: str
) -> None:
    assert message(*layers) == words
