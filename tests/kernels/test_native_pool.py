"""2×2 max pooling by native.c: every bit is torch's, with ties, zeros of both signs, NaN and infinity."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli.kernels import native_modules
from cifar_cli.kernels.native_library import native_library
from cifar_cli.kernels.native_modules import NativeMaxPool2d, replace_by_native
from cifar_cli.kernels.native_pool import max_pool2x2

pytestmark = pytest.mark.skipif(native_library().library is None, reason=native_library().words)

DTYPES = (torch.float32, torch.bfloat16)
SHAPES = [(3, 16, 8, 6), (2, 1, 5, 7), (4, 3, 2, 2), (1, 1000, 3, 4), (5, 24, 31, 31), (40, 64, 9, 2)]
NUMBERS = torch.tensor([0.0, -0.0, 1.0, -1.0, torch.nan, -torch.nan, torch.inf, -torch.inf])


def normal(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randn(shape, generator=generator)


def with_ties(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return torch.randint(-2, 3, shape, generator=generator).float()


def special(shape: tuple[int, ...], generator: torch.Generator) -> Tensor:
    return NUMBERS[torch.randint(len(NUMBERS), shape, generator=generator)]


def bits(tensor: Tensor) -> Tensor:
    """Returns the bits as whole numbers; a NaN has many, of which torch keeps some."""
    tensor = torch.where(tensor.isnan(), torch.nan, tensor).contiguous()
    return tensor.view(torch.int16 if tensor.dtype == torch.bfloat16 else torch.int32)


@pytest.mark.parametrize("drawn", [normal, with_ties, special], ids=lambda function: function.__name__)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_are_torchs_to_the_bit(
    shape: tuple[int, ...], dtype: torch.dtype, drawn: Callable[..., Tensor]
) -> None:
    generator = torch.Generator().manual_seed(0)
    features = drawn(shape, generator).to(dtype).contiguous(memory_format=torch.channels_last)
    gradient = drawn((*shape[:2], shape[2] // 2, shape[3] // 2), generator).to(dtype)
    results = []
    for pool in (nn.MaxPool2d(2), max_pool2x2):
        leaf = features.clone().requires_grad_()
        pooled = pool(leaf)
        results.append((pooled.detach(), *torch.autograd.grad(pooled, leaf, gradient)))
    for ours, torchs in zip(results[1], results[0], strict=True):
        assert torch.equal(bits(ours), bits(torchs))
    assert results[1][0].is_contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize(
    ("pool", "is_native"),
    [
        (nn.MaxPool2d(2), True),
        (nn.MaxPool2d((2, 2), stride=(2, 2)), True),
        (nn.MaxPool2d(3), False),
        (nn.MaxPool2d(2, stride=1), False),
        (nn.MaxPool2d(2, padding=1), False),
        (nn.MaxPool2d(2, dilation=2), False),
        (nn.MaxPool2d(2, return_indices=True), False),
        (nn.AvgPool2d(2), False),
    ],
    ids=str,
)
def test_only_windows_of_two_by_two_become_native(pool: nn.Module, is_native: bool) -> None:
    assert isinstance(replace_by_native(nn.Sequential(pool))[0], NativeMaxPool2d) is is_native


@pytest.mark.parametrize("side", [4, 5])
def test_rounded_up_an_odd_side_is_torchs(side: int, monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[torch.Size] = []
    original = native_modules.max_pool2x2

    def noted(features: Tensor) -> Tensor:
        calls.append(features.shape)
        return original(features)

    monkeypatch.setattr(native_modules, "max_pool2x2", noted)
    features = torch.randn(2, 3, side, side).bfloat16().contiguous(memory_format=torch.channels_last)
    pool = replace_by_native(nn.Sequential(nn.MaxPool2d(2, ceil_mode=True)))
    assert torch.equal(pool(features), F.max_pool2d(features, 2, ceil_mode=True))
    assert len(calls) == (1 if side == 4 else 0)


def test_other_tensors_are_pooled_by_torch() -> None:
    pool = replace_by_native(nn.Sequential(nn.MaxPool2d(2)))
    by_pixel = torch.randn(2, 32, 8, 8).contiguous(memory_format=torch.channels_last)
    for features in (by_pixel.contiguous(), by_pixel[:, :, ::2], by_pixel.double(), by_pixel[0], by_pixel[:0]):
        assert torch.equal(pool(features), F.max_pool2d(features, 2))
    with pytest.raises(RuntimeError, match="too small"):
        pool(by_pixel[:, :, :1])


def test_a_second_derivative_is_torchs() -> None:
    def second(pool: Callable[[Tensor], Tensor]) -> Tensor:
        features = torch.randn(2, 3, 5, 4, generator=torch.Generator().manual_seed(0))
        features = features.contiguous(memory_format=torch.channels_last).requires_grad_()
        (first,) = torch.autograd.grad(pool(features.tanh()).square().sum(), features, create_graph=True)
        return torch.autograd.grad(first.square().sum(), features)[0]

    torch.testing.assert_close(second(max_pool2x2), second(nn.MaxPool2d(2)))


@pytest.mark.parametrize(("dtype", "channels", "by_c"), [(DTYPES[0], 31, 0), (DTYPES[0], 32, 1), (DTYPES[1], 1, 1)])
def test_few_channels_in_fp32_are_pooled_by_torch(
    dtype: torch.dtype, channels: int, by_c: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Tensor] = []
    monkeypatch.setattr(native_modules, "max_pool2x2", calls.append)
    features = torch.randn(2, channels, 4, 4).to(dtype).contiguous(memory_format=torch.channels_last)
    replace_by_native(nn.Sequential(nn.MaxPool2d(2)))(features)
    assert len(calls) == by_c
