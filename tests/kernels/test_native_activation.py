"""ReLU, GELU and SiLU by native.c: values and gradients are those of torch in float64."""

import math
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.kernels.native_activation import activate, fits_activation
from cifar_cli.kernels.native_calls import CODES, RELU
from cifar_cli.kernels.native_library import native_library

pytestmark = pytest.mark.skipif(native_library().library is None, reason=native_library().words)

ACTIVATIONS = {"relu": nn.ReLU, "relu in place": lambda: nn.ReLU(inplace=True), "gelu": nn.GELU, "silu": nn.SiLU}
# Half of the last place of bf16; some last places of fp32, as much as torch's own err.
TOLERANCE = {torch.float32: 1.2e-6, torch.bfloat16: 2.0**-8}


def native(name: str) -> Callable[[Tensor], Tensor]:
    code = next(code for kind, code in CODES.items() if isinstance(ACTIVATIONS[name](), kind))
    return partial(activate, activation=code, inplace="in place" in name)


def values_and_gradients(activation: Callable[[Tensor], Tensor], features: Tensor, gradient: Tensor) -> list[Tensor]:
    leaf = features.detach().requires_grad_()
    activated = activation(leaf.clone(memory_format=torch.preserve_format))
    return [activated.detach(), *torch.autograd.grad(activated, leaf, gradient)]


@pytest.mark.parametrize("order", [torch.channels_last, torch.contiguous_format], ids=str)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("name", ACTIVATIONS)
def test_values_and_gradients_are_torchs_from_minus_to_plus_fifty(
    name: str, dtype: torch.dtype, order: torch.memory_format
) -> None:
    features = torch.linspace(-50, 50, 2 * 3 * 101 * 101).view(2, 3, 101, 101).to(dtype).contiguous(memory_format=order)
    features[0, 0, 0, 0] = 0
    gradient = torch.ones_like(features)
    exact = values_and_gradients(ACTIVATIONS[name](), features.double(), gradient.double())
    got = values_and_gradients(native(name), features, gradient)
    for ours, wanted in zip(got, exact, strict=True):
        assert ours.dtype == dtype
        assert ours.stride() == features.stride()
        error = (ours.double() - wanted).abs()
        assert (error <= TOLERANCE[dtype] * wanted.abs().clamp(min=1)).all()


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_nan_and_infinity_stay_where_torch_has_them(name: str) -> None:
    features = torch.tensor([torch.nan, torch.inf, -torch.inf, 1.0]).view(1, 1, 2, 2)
    for dtype in TOLERANCE:
        wanted = values_and_gradients(ACTIVATIONS[name](), features.to(dtype), torch.ones(1, 1, 2, 2, dtype=dtype))
        got = values_and_gradients(native(name), features.to(dtype), torch.ones(1, 1, 2, 2, dtype=dtype))
        assert torch.equal(got[0].isfinite(), wanted[0].isfinite())
        assert got[0].flatten()[0].isnan()


def test_in_place_means_in_place_and_a_part_of_another_tensor_is_left_to_torch() -> None:
    features = torch.randn(2, 4, 3, 3)
    assert native("relu in place")(features) is features
    assert features.min() == 0
    assert fits_activation(features, RELU, inplace=True)
    assert not fits_activation(features[:1], RELU, inplace=True)


def test_what_a_step_needs_later_cannot_be_overwritten_in_place() -> None:
    leaf = torch.randn(2, 4, 3, 3).requires_grad_()
    features = leaf.exp()  # its gradient needs its value
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        torch.autograd.grad(native("relu in place")(features).sum(), leaf)
    with pytest.raises(RuntimeError, match="leaf Variable"):
        native("relu in place")(leaf)


@pytest.mark.parametrize("shape", [(1,), (7, 513), (2, 5, 3), (2, 3, 5, 7), (2, 2, 3, 3, 2)])
def test_an_activation_takes_features_of_any_shape(shape: tuple[int, ...]) -> None:
    features = torch.linspace(-6, 6, math.prod(shape)).view(shape)
    for activation in (nn.ReLU, nn.GELU, nn.SiLU):
        got = values_and_gradients(native(activation.__name__.lower()), features, torch.ones_like(features))
        wanted = values_and_gradients(activation(), features, torch.ones_like(features))
        for ours, torchs in zip(got, wanted, strict=True):
            torch.testing.assert_close(ours, torchs, rtol=0, atol=4e-6)


@pytest.mark.parametrize("name", ACTIVATIONS)
def test_a_second_derivative_is_torchs(name: str) -> None:
    def second(activation: Callable[[Tensor], Tensor]) -> Tensor:
        leaf = torch.randn(2, 3, 4, 4, generator=torch.Generator().manual_seed(0)).requires_grad_()
        (first,) = torch.autograd.grad(activation(leaf * 2).square().sum(), leaf, create_graph=True)
        return torch.autograd.grad(first.square().sum(), leaf)[0]

    torch.testing.assert_close(second(native(name)), second(ACTIVATIONS[name]()), rtol=1e-4, atol=1e-4)
