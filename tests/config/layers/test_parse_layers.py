"""Parsing `model.layers`: names, types and arguments, and the mistakes in them."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

import pytest
from torch import nn

from cifar_cli.config.layers.parse_layers import RESERVED_NAMES, parse_layers
from cifar_cli.config.yaml.source_locations import SourceLocation, SourceLocations, report
from cifar_cli.models.layer import Layer


def test_the_taken_names_are_the_attributes_of_torchs_sequential() -> None:
    # A layer's name begins with a letter. Names that only another version of torch uses may stay.
    assert {name for name in dir(nn.Sequential()) if not name.startswith("_")} <= RESERVED_NAMES


@pytest.mark.parametrize("name", ["train", "forward"])
def test_a_layer_cannot_take_the_name_of_something_in_sequential(name: str) -> None:
    _, (issue,) = parse_layers([{name: "ReLU"}])
    assert issue.finding == f"the name '{name}' is one that torch's Sequential uses itself"


def test_a_layer_is_a_name_with_a_type_or_with_a_type_and_arguments() -> None:
    layers, issues = parse_layers([{"relu": "ReLU"}, {"pool": {"kernel_size": [2, 3], "type": "MaxPool2d"}}])
    assert issues == []
    assert layers == [Layer("relu", "ReLU", {}), Layer("pool", "MaxPool2d", {"kernel_size": (2, 3)})]


CONV = "- conv1: {type: Conv2d, out_channels: 32, kernel_size: 3}"
INT = "expected a whole number, at least 1"


@pytest.mark.parametrize(
    ("entry", "words"),
    [
        ("ReLU", "model.layers.0: expected a name and a layer, found 'ReLU'; write - relu: ReLU"),
        (3, f"model.layers.0: expected a name and a layer, found 3; write for example {CONV}"),
        ({}, f"model.layers.0: expected a name and a layer, found {{}}; write for example {CONV}"),
        (
            {"type": "ReLU", "inplace": True},
            f"model.layers.0: expected one name with its layer, found the keys type, inplace; write for example {CONV}",
        ),
        (
            {"1st": "ReLU"},
            "model.layers.1st: expected a name of letters, digits and '_' that begins with a letter, found '1st'; "
            "write for example conv1",
        ),
        ({"a": 3}, "model.layers.a: expected a layer type, or {type: …} with its arguments, found 3; write for example ReLU"),
        ({"a": {"p": 1}}, "model.layers.a: expected a layer with its type, found no type; write for example type: Conv2d"),
        ({"a": "relu"}, "model.layers.a.type: expected a layer type of torch.nn, found 'relu'; did you mean 'ReLU'?"),
        ({"a": "Conv2D"}, "model.layers.a.type: expected a layer type of torch.nn, found 'Conv2D'; did you mean 'Conv2d'?"),
        ({"a": {"type": "Tanh", "p": 1}}, "model.layers.a.p: Tanh takes no arguments; leave it out"),
        ({"a": {"type": "ReLU", "in_place": True}}, "model.layers.a.in_place: ReLU has no such argument; did you mean 'inplace'?"),
        ({"a": {"type": "ReLU", "zzz": True}}, "model.layers.a.zzz: ReLU has no such argument; its arguments are inplace"),
        ({"a": {"type": "Linear"}}, f"model.layers.a.out_features: {INT}, found nothing; write for example out_features: 32"),
        ({"a": {"type": "Linear", "out_features": "ten"}}, f"model.layers.a.out_features: {INT}, found 'ten'; write for example 32"),
        ({"a": {"type": "Linear", "out_features": True}}, f"model.layers.a.out_features: {INT}, found true; write for example 32"),
        ({"a": {"type": "Linear", "out_features": 2.0}}, f"model.layers.a.out_features: {INT}, found 2.0; write for example 32"),
        ({"a": {"type": "Linear", "out_features": 2**31}}, f"model.layers.a.out_features: {INT}, found {2**31}; write for example 32"),
        (
            {"a": {"type": "MaxPool2d", "kernel_size": [2, 2, 2]}},
            f"model.layers.a.kernel_size: {INT}, or two of them: [height, width], found [2, 2, 2]; write for example 3",
        ),
        ({"a": {"type": "LayerNorm", "normalized_shape": (8, 0)}}, f"model.layers.a.normalized_shape: {INT}, or a list of them, found [8, 0]; write for example [64, 8, 8]"),
        ({"a": {"type": "LayerNorm", "normalized_shape": "x"}}, f"model.layers.a.normalized_shape: {INT}, or a list of them, found 'x'; write for example [64, 8, 8]"),
        (
            {"a": {"type": "Unflatten", "dim": 1, "unflattened_size": (-1, -1)}},
            "model.layers.a.unflattened_size: expected a list of whole numbers, at least 1 each; one may be -1, found [-1, -1]; "
            "write for example [64, 4, 4]",
        ),
        (
            {"a": {"type": "Unflatten", "dim": 1, "unflattened_size": (0, -1)}},
            "model.layers.a.unflattened_size: expected a list of whole numbers, at least 1 each; one may be -1, found [0, -1]; "
            "write for example [64, 4, 4]",
        ),
        ({"a": {"type": "Dropout", "p": 1.5}}, "model.layers.a.p: expected a number from 0 to 1, found 1.5; write for example 0.5"),
        ({"a": {"type": "ELU", "alpha": float("nan")}}, "model.layers.a.alpha: expected a number, found nan; write for example 1.0"),
        ({"a": {"type": "ELU", "alpha": "x"}}, "model.layers.a.alpha: expected a number, found 'x'; write for example 1.0"),
        ({"a": {"type": "ReLU", "inplace": "yes"}}, "model.layers.a.inplace: expected true or false, found 'yes'; write for example true"),
        ({"a": {"type": "GELU", "approximate": "erf"}}, "model.layers.a.approximate: expected none or tanh, found 'erf'; write for example tanh"),
    ],
)  # fmt: skip
def test_every_mistake_in_a_layer_is_reported_with_its_mend(entry: object, words: str) -> None:
    layers, issues = parse_layers([entry])
    assert layers == [None]
    assert report(issues, SourceLocations(SourceLocation("x"))) == [f"x: {words}"]


def test_one_of_the_unflattened_sizes_may_be_left_to_torch() -> None:
    layers, issues = parse_layers([{"a": {"type": "Unflatten", "dim": 1, "unflattened_size": (2, -1)}}])
    assert (layers[0].arguments["unflattened_size"], issues) == ((2, -1), [])


def test_a_type_like_no_other_gets_the_list_of_types() -> None:
    _, (issue,) = parse_layers([{"a": "Bahdanau"}])
    assert issue.mend.startswith("the types are AdaptiveAvgPool2d, AdaptiveMaxPool2d, AlphaDropout")


@pytest.mark.parametrize("entries", [None, [], {"conv1": "ReLU"}, "ReLU"])
def test_layers_must_be_a_list_that_is_not_empty(entries: object) -> None:
    _, (issue,) = parse_layers(entries)
    assert issue.finding.startswith("expected a list of layers, at least one, found")
    assert issue.mend == f"write for example {CONV}"
