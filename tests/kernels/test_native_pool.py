"""2×2 max pooling by native.c, with a ReLU or not: every bit is torch's, with ties, zeros, NaN and infinity."""

import copy
from collections.abc import Callable
from functools import partial

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli.kernels import native_modules
from cifar_cli.kernels.native_library import native_library
from cifar_cli.kernels.native_modules import NativeMaxPool2d, replace_by_native
from cifar_cli.kernels.native_pool import max_pool2x2
from cifar_cli.models.lenet5 import LeNet5

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


@pytest.fixture
def pooled(monkeypatch: pytest.MonkeyPatch) -> list[tuple[torch.Size, bool]]:
    """A list that gets the shape of the features, and whether with their ReLU, at each pooling by C."""
    calls: list[tuple[torch.Size, bool]] = []

    def noted(features: Tensor, *, relu: bool) -> Tensor:
        calls.append((features.shape, relu))
        return max_pool2x2(features, relu=relu)

    monkeypatch.setattr(native_modules, "max_pool2x2", noted)
    return calls


@pytest.mark.parametrize("relu", [False, True], ids=["pooling", "ReLU and pooling"])
@pytest.mark.parametrize("drawn", [normal, with_ties, special], ids=lambda function: function.__name__)
@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_and_gradients_are_torchs_to_the_bit(
    shape: tuple[int, ...], dtype: torch.dtype, drawn: Callable[..., Tensor], relu: bool
) -> None:
    generator = torch.Generator().manual_seed(0)
    features = drawn(shape, generator).to(dtype).contiguous(memory_format=torch.channels_last)
    gradient = drawn((*shape[:2], shape[2] // 2, shape[3] // 2), generator).to(dtype)
    results = []
    for pool in (nn.Sequential(*[nn.ReLU()] * relu, nn.MaxPool2d(2)), partial(max_pool2x2, relu=relu)):
        leaf = features.clone().requires_grad_()
        pooled = pool(leaf)
        values = pooled.detach() + 0.0 if relu else pooled.detach()  # a ReLU gives −0 for −0 by torch, 0 by C
        results.append((values, *torch.autograd.grad(pooled, leaf, gradient)))
    for ours, torchs in zip(results[1], results[0], strict=True):
        assert torch.equal(bits(ours), bits(torchs))
    assert pooled.is_contiguous(memory_format=torch.channels_last)


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
def test_rounded_up_an_odd_side_is_torchs(side: int, pooled: list[tuple[torch.Size, bool]]) -> None:
    features = torch.randn(2, 3, side, side).bfloat16().contiguous(memory_format=torch.channels_last)
    pool = replace_by_native(nn.Sequential(nn.MaxPool2d(2, ceil_mode=True)))
    assert torch.equal(pool(features), F.max_pool2d(features, 2, ceil_mode=True))
    assert len(pooled) == (1 if side == 4 else 0)


def test_other_tensors_are_pooled_by_torch() -> None:
    pool = replace_by_native(nn.Sequential(nn.MaxPool2d(2)))
    by_pixel = torch.randn(2, 32, 8, 8).contiguous(memory_format=torch.channels_last)
    for features in (by_pixel.contiguous(), by_pixel[:, :, ::2], by_pixel.double(), by_pixel[0], by_pixel[:0]):
        assert torch.equal(pool(features), F.max_pool2d(features, 2))
    with pytest.raises(RuntimeError, match="too small"):
        pool(by_pixel[:, :, :1])


@pytest.mark.parametrize("relu", [False, True])
def test_a_second_derivative_is_torchs(relu: bool) -> None:
    def second(pool: Callable[[Tensor], Tensor]) -> Tensor:
        features = torch.randn(2, 3, 9, 8, generator=torch.Generator().manual_seed(0))
        features = features.contiguous(memory_format=torch.channels_last).requires_grad_()
        (first,) = torch.autograd.grad((pool(features.tanh()) + 1).square().sum(), features, create_graph=True)
        return torch.autograd.grad(first.square().sum(), features)[0]

    torch.testing.assert_close(
        second(partial(max_pool2x2, relu=relu)), second(nn.Sequential(*[nn.ReLU()] * relu, nn.MaxPool2d(2)))
    )


@pytest.mark.parametrize(("dtype", "channels", "by_c"), [(DTYPES[0], 31, 0), (DTYPES[0], 32, 1), (DTYPES[1], 1, 1)])
def test_few_channels_in_fp32_are_pooled_by_torch(
    dtype: torch.dtype, channels: int, by_c: int, pooled: list[tuple[torch.Size, bool]]
) -> None:
    features = torch.randn(2, channels, 4, 4).to(dtype).contiguous(memory_format=torch.channels_last)
    replace_by_native(nn.Sequential(nn.MaxPool2d(2)))(features)
    assert len(pooled) == by_c


def output_and_gradient(model: nn.Module, features: Tensor) -> list[Tensor]:
    leaf = features.detach().clone(memory_format=torch.preserve_format).requires_grad_()
    output = model(leaf * 1)  # a layer in place overwrites no leaf
    weights = torch.linspace(-1, 1, output.numel()).view(output.shape)
    return [output.detach().clone(), *torch.autograd.grad((output.float() * weights).sum(), leaf)]


def by_pixel(*shape: int) -> Tensor:
    return normal(shape, torch.Generator().manual_seed(0)).contiguous(memory_format=torch.channels_last)


@pytest.mark.parametrize("channels", [3, 32])  # pooled by torch and by C
@pytest.mark.parametrize("behind", [nn.Identity(), nn.ReLU(inplace=True), nn.ELU(inplace=True)], ids=repr)
@pytest.mark.parametrize("inplace", [False, True])
def test_a_relu_that_only_a_pooling_reads_is_computed_by_it(
    inplace: bool, behind: nn.Module, channels: int, pooled: list[tuple[torch.Size, bool]]
) -> None:
    plain, features = nn.Sequential(nn.ReLU(inplace), nn.MaxPool2d(2), behind), by_pixel(4, channels, 6, 7)
    wanted = output_and_gradient(plain, features)
    for ours, torchs in zip(
        output_and_gradient(replace_by_native(copy.deepcopy(plain)), features), wanted, strict=True
    ):
        assert torch.equal(ours, torchs)
    assert pooled == [(features.shape, True)] * (channels == 32)


def test_lenets_relus_are_computed_by_its_poolings(pooled: list[tuple[torch.Size, bool]]) -> None:
    plain = LeNet5(image_shape=(3, 32, 32), num_classes=10).bfloat16().to(memory_format=torch.channels_last)
    images = by_pixel(3, 3, 32, 32).bfloat16()
    wanted = output_and_gradient(plain, images)
    for ours, torchs in zip(output_and_gradient(replace_by_native(plain), images), wanted, strict=True):
        assert torch.equal(ours, torchs)
    assert pooled == [((3, 6, 28, 28), True), ((3, 16, 10, 10), True)]


@pytest.mark.parametrize("layer", [0, 1])
def test_a_hook_on_a_relu_or_on_its_pooling_sees_what_it_gives(layer: int) -> None:
    plain, features = nn.Sequential(nn.ReLU(), nn.MaxPool2d(2)), by_pixel(2, 32, 8, 8)
    native, seen = replace_by_native(copy.deepcopy(plain)), []
    native[layer].register_forward_hook(lambda module, args, output: seen.extend([args[0], output]))
    native(features)
    expected = [features, plain[0](features), plain(features)][layer : layer + 2]
    for ours, torchs in zip(seen, expected, strict=True):
        assert torch.equal(ours, torchs)


def test_a_relu_that_others_read_too_or_that_a_batch_norm_computes_is_not_left_to_the_pooling(
    pooled: list[tuple[torch.Size, bool]],
) -> None:
    relu, features = nn.ReLU(), by_pixel(2, 32, 8, 8)
    replace_by_native(nn.Sequential(relu, nn.MaxPool2d(2), nn.Identity(), relu))(features)
    replace_by_native(nn.Sequential(nn.BatchNorm2d(32), nn.ReLU(), nn.MaxPool2d(2)))(features)
    assert pooled == [(features.shape, False)] * 2
