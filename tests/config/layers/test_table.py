"""The table of layers against torch.nn's own signatures."""

import inspect

import pytest
from torch import nn
from torch.nn.modules import activation

from cifar_cli.config.layers.table import LAYERS, NoDefault

# device and dtype are the runtime's; indices cannot be passed on; the norms' bias is newer than the oldest torch that
# is supported; Hardtanh's two are deprecated.
NOT_OFFERED = {"device", "dtype", "return_indices", "min_value", "max_value"}
NORMS_WITH_A_NEW_BIAS = {"BatchNorm1d", "BatchNorm2d", "InstanceNorm2d", "GroupNorm"}


@pytest.mark.parametrize("layer_type", LAYERS)
def test_arguments_are_torchs_own_with_torchs_defaults(layer_type: str) -> None:
    signature = inspect.signature(getattr(nn, layer_type)).parameters.values()
    torchs = {
        parameter.name: parameter.default
        for parameter in signature
        if parameter.name not in NOT_OFFERED and parameter.kind is parameter.POSITIONAL_OR_KEYWORD
    }
    if layer_type in NORMS_WITH_A_NEW_BIAS:
        torchs.pop("bias", None)
    assert list(LAYERS[layer_type]) == list(torchs)
    for name, argument in LAYERS[layer_type].items():
        if argument.default is NoDefault.REQUIRED:
            assert torchs[name] is inspect.Parameter.empty
        elif argument.default is NoDefault.INFERRED:
            # torch has a default for the axis of a softmax, and warns of it.
            assert torchs[name] is inspect.Parameter.empty or name == "dim"
        else:
            assert torchs[name] == argument.default
            assert type(torchs[name]) is type(argument.default)


@pytest.mark.parametrize("layer_type", LAYERS)
def test_the_example_and_the_default_of_every_argument_are_accepted(layer_type: str) -> None:
    for name, argument in LAYERS[layer_type].items():
        assert argument.type.accepts(argument.type.example), name
        if not isinstance(argument.default, NoDefault):
            assert argument.type.accepts(argument.default), name


def test_all_of_torchs_element_wise_activations_are_offered() -> None:
    assert set(activation.__all__) - {"MultiheadAttention"} <= LAYERS.keys()
