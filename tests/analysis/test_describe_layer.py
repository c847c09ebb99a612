"""The sentences about a layer, on numbers counted by hand."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from cifar_cli import formatting
from cifar_cli.analysis.capture import LayerView, capture
from cifar_cli.analysis.describe_layer import describe_layer, signature


def view(layer: nn.Module, values: Tensor) -> LayerView:
    return capture(nn.Sequential(OrderedDict(layer=layer)), values, layer="layer")


def test_relu_on_a_signed_map_is_described_in_numbers() -> None:
    values = torch.tensor([[[[-1.0, 2.0]], [[-3.0, -4.0]]]])  # (1, 2, 1, 2)
    assert describe_layer(view(nn.ReLU(), values)) == [
        "Shape: (1, 2, 1, 2) → (1, 2, 1, 2).",
        "Values: −4 … 2 (mean −1.5) going in; 0 … 2 (mean 0.5) coming out.",
        "75.0 % of the output is exactly zero.",
        "1 of 2 channels are zero everywhere, for every one of these images.",
    ]


def test_relu_on_an_image_says_that_it_changes_nothing_and_what_to_try() -> None:
    assert describe_layer(view(nn.ReLU(), torch.rand(2, 3, 4, 4) + 0.01))[-1] == (
        "Output equals input: no input value is negative, so ReLU changes nothing. "
        "Images from ToTensor lie in [0, 1]; data.normalize=true gives them negative values."
    )


def test_relu_after_relu_says_that_it_changes_nothing() -> None:
    model = nn.Sequential(nn.ReLU(), nn.ReLU())
    facts = describe_layer(capture(model, torch.tensor([[-1.0, 1.0]]), layer="1"))
    assert facts[-1] == "Output equals input: no input value is negative, so ReLU changes nothing."


def test_dropout_and_identity_say_that_they_change_nothing() -> None:
    ones = torch.ones(1, 4)
    assert describe_layer(view(nn.Dropout(), ones))[-1] == (
        "Output equals input: dropout acts in training only, and a layer is shown in eval mode."
    )
    assert describe_layer(view(nn.Identity(), ones))[-1] == "Output equals input, value for value."


def test_a_layer_that_changes_something_is_not_said_to_change_nothing() -> None:
    assert not any("equals" in fact for fact in describe_layer(view(nn.Sigmoid(), torch.ones(1, 4))))


def test_values_dead_in_a_vector_are_called_values() -> None:
    facts = describe_layer(view(nn.ReLU(), torch.tensor([[-1.0, 1.0], [-1.0, -1.0]])))
    assert "1 of 2 values are zero for every one of these images." in facts


def test_values_that_are_not_finite_are_counted() -> None:
    facts = describe_layer(view(nn.Identity(), torch.tensor([[1.0, 3.0, torch.nan, torch.inf]])))
    assert "1 … 3 (mean 2) and 2 that are not finite going in" in facts[1]
    assert "no finite number going in" in describe_layer(view(nn.Identity(), torch.tensor([[torch.nan]])))[1]


def test_a_layer_is_named_with_its_arguments_and_a_block_with_its_size() -> None:
    assert signature(nn.MaxPool2d(3)) == "MaxPool2d(kernel_size=3, stride=3, padding=0, dilation=1, ceil_mode=False)"
    assert signature(nn.Sequential(nn.ReLU(), nn.Sequential(nn.ReLU()))) == "Sequential, 3 layers inside"


@pytest.mark.parametrize(("value", "text"), [(-0.04163, "−0.0416"), (12.0, "12"), (1e-9, "1e−09")])
def test_numbers_are_short_and_have_a_real_minus(value: float, text: str) -> None:
    assert formatting.number(value) == text
