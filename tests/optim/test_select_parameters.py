"""Parameters selected and frozen by patterns of their names, and the errors for patterns without any."""

import pytest
from torch import nn

from cifar_cli.errors import UsageError
from cifar_cli.optim.select_parameters import freeze, select_parameters


def network() -> nn.Module:
    return nn.ModuleDict({"conv": nn.Conv2d(1, 2, 3), "norm": nn.BatchNorm2d(2)})


def test_names_are_selected_once_and_in_the_models_order_whichever_patterns_match() -> None:
    names = [name for name, _ in network().named_parameters()]
    found = select_parameters(["*.bias", "conv.*"], names, model=network(), key="x")
    assert found == ["conv.weight", "conv.bias", "norm.bias"]


def test_parameters_that_a_pattern_matches_are_frozen() -> None:
    model = network()
    freeze(model, ["norm.weight", "conv.b*"])
    assert [name for name, parameter in model.named_parameters() if parameter.requires_grad] == [
        "conv.weight",
        "norm.bias",
    ]


def test_freezing_a_missing_parameter_is_an_error() -> None:
    with pytest.raises(UsageError) as caught:
        freeze(network(), ["cnov.weight"])
    assert str(caught.value) == (
        "train.freeze: expected the names of parameters, found none for 'cnov.weight'; did you mean 'conv.weight'?"
    )


def test_an_error_lists_at_most_a_dozen_names() -> None:
    model = nn.Sequential(*(nn.Linear(1, 1, bias=False) for _ in range(15)))
    with pytest.raises(UsageError, match=r"the parameters are 0\.weight, .*, 11\.weight and 3 more$"):
        freeze(model, ["zzz"])
