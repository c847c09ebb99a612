"""Which convolutions are computed by a faster kernel, and that nothing else changes."""

from collections.abc import Callable
from typing import ClassVar

import pytest
import torch
from torch import nn

from cifar_cli.kernels import kernel_choice
from cifar_cli.kernels.fast_convolutions import FastConv2d, has_faster_kernels, replace_convolutions

WITH_AMX = ("amx_bf16",)
ZEN_4 = ("avx512_bf16", "sse4a")


def convolution(channels: int = 64, out_channels: int = 256, **settings: object) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, **{"kernel_size": 3, "padding": 1, **settings})  # type: ignore[arg-type]


@pytest.fixture
def kernel_calls(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, torch.Size]]:
    """The calls of our kernels: each one's name and the images' shape."""
    calls: list[tuple[str, torch.Size]] = []

    def record(kernel: str) -> None:
        original = getattr(kernel_choice, kernel)

        def recorded(images: torch.Tensor, weight: torch.Tensor, **settings: int) -> torch.Tensor:
            calls.append((kernel, images.shape))
            result: torch.Tensor = original(images, weight, **settings)
            return result

        monkeypatch.setattr(kernel_choice, kernel, recorded)

    record("winograd_conv3x3")
    record("packed_conv3x3")
    record("band_conv3x3")
    return calls


def test_replacing_keeps_the_tensors_their_names_and_the_random_state() -> None:
    model = nn.Sequential(convolution(out_channels=128), nn.Sequential(convolution(128, bias=False), nn.ReLU())).eval()
    before = dict(model.state_dict(keep_vars=True))
    torch.manual_seed(0)
    number = torch.rand(1)
    torch.manual_seed(0)
    after = replace_convolutions(model).state_dict(keep_vars=True)
    assert torch.equal(torch.rand(1), number)
    assert isinstance(model[0], FastConv2d)
    assert isinstance(model[1][0], FastConv2d)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert not model[1][0].training


@pytest.mark.parametrize(
    "other",
    [
        convolution(32),
        convolution(out_channels=127),
        convolution(kernel_size=5, padding=2),
        convolution(stride=2),
        convolution(padding=0),
        convolution(dilation=2, padding=2),
        convolution(groups=2),
        convolution(padding_mode="reflect"),
        convolution(padding="same"),
    ],
    ids=str,
)
def test_a_convolution_that_would_not_gain_is_left_alone(other: nn.Conv2d) -> None:
    assert replace_convolutions(nn.Sequential(other))[0] is other


def test_values_and_gradients_are_those_of_torchs_convolution(kernel_calls: list[tuple[str, torch.Size]]) -> None:
    images = torch.randn(64, 64, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    plain = convolution()
    fast = FastConv2d(plain)
    weights = (plain.weight, plain.bias)
    of_plain, of_fast = (torch.autograd.grad(layer(images).square().sum(), weights) for layer in (plain, fast))
    assert kernel_calls == [("winograd_conv3x3", images.shape)]
    # The sums are over 576 pixels, of numbers about 1.
    torch.testing.assert_close(of_fast, of_plain, rtol=1e-4, atol=5e-3)


class Halved(nn.Module):
    """A convolution whose output only a pooling reads."""

    pooled: ClassVar = {"convolution": 2}

    def __init__(self) -> None:
        super().__init__()
        self.convolution = convolution(bias=False)

    def forward(self, images: torch.Tensor) -> torch.Tensor:
        return nn.functional.max_pool2d(self.convolution(images), 2)


@pytest.mark.parametrize(("side", "computed"), [(7, 6), (4, 4), (2, 2), (1, 1)])
def test_before_a_pooling_only_whole_windows_are_computed(side: int, computed: int) -> None:
    images = torch.randn(64, 64, side, side, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    model = Halved()
    expected = model(images) if side > 1 else None
    replace_convolutions(model)
    assert model.convolution(images).shape[2:] == (computed, computed)
    assert model.convolution(images[:63]).shape[2:] == (side, side)  # by torch
    if expected is not None:
        torch.testing.assert_close(model(images), expected, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize(
    ("processor", "expected"), [(WITH_AMX, []), (ZEN_4, ["winograd_conv3x3"])], ids=["AMX", "Zen 4"]
)
def test_without_gradients_only_the_kernel_that_is_faster_forward_is_used(
    processor: tuple[str, ...],
    expected: list[str],
    kernel_calls: list[tuple[str, torch.Size]],
    set_processor: Callable[..., None],
) -> None:
    set_processor(*processor)
    images = torch.randn(64, 64, 7, 7, generator=torch.Generator().manual_seed(0))
    plain = convolution()
    with torch.inference_mode(), torch.autocast("cpu", torch.bfloat16):
        got, wanted = FastConv2d(plain).eval()(images), plain(images)
    assert [kernel for kernel, _ in kernel_calls] == expected
    assert (got - wanted).norm() <= 0.025 * wanted.norm()


@pytest.mark.parametrize("bias", [True, False])
@pytest.mark.parametrize(
    ("processor", "kernel", "tolerance"),
    # A number of bf16 is rounded by up to 0.4 %; Winograd rounds several times.
    [(WITH_AMX, "packed_conv3x3", 0.01), (ZEN_4, "winograd_conv3x3", 0.025)],
    ids=["AMX", "Zen 4"],
)
def test_in_bf16_values_and_gradients_of_the_processors_kernel_are_near_torchs(
    processor: tuple[str, ...],
    kernel: str,
    tolerance: float,
    bias: bool,
    kernel_calls: list[tuple[str, torch.Size]],
    set_processor: Callable[..., None],
) -> None:
    set_processor(*processor)
    images = torch.randn(64, 64, 7, 7, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    plain = convolution(bias=bias)
    fast = FastConv2d(plain)
    weights = list(plain.parameters())

    def trained(layer: nn.Module) -> tuple[torch.Tensor, ...]:
        with torch.autocast("cpu", torch.bfloat16):
            features = layer(images)
        return (features, *torch.autograd.grad(features.float().square().sum(), weights))

    of_plain, of_fast = trained(plain), trained(fast)
    assert kernel_calls == [(kernel, images.shape)]
    for got, wanted in zip(of_fast, of_plain, strict=True):
        assert got.dtype == wanted.dtype
        assert (got - wanted).norm() <= tolerance * wanted.norm()


@pytest.mark.parametrize(
    ("processor", "large"), [(WITH_AMX, 8), (ZEN_4, 16), ((), 16)], ids=["AMX", "Zen 4", "neither"]
)
def test_shapes_and_types_that_would_not_gain_are_computed_by_torch_to_the_bit(
    processor: tuple[str, ...],
    large: int,
    kernel_calls: list[tuple[str, torch.Size]],
    set_processor: Callable[..., None],
) -> None:
    set_processor(*processor)
    plain = convolution()
    fast = FastConv2d(plain)
    batch = torch.randn(64, 64, 3, 3, generator=torch.Generator().manual_seed(0))
    wide = torch.randn(64, 64, 8, large, generator=torch.Generator().manual_seed(0))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast(wide), plain(wide))
        assert torch.equal(fast(batch[:63]), plain(batch[:63]))
    with torch.autocast("cpu", torch.float16):
        assert torch.equal(fast(batch), plain(batch))
    for other in (batch[:63], batch[0], batch[:, :, :1].expand(-1, -1, 16, -1)):
        assert torch.equal(fast(other), plain(other))
    assert torch.equal(fast.double()(batch.double()), plain.double()(batch.double()))
    assert kernel_calls == []


@pytest.mark.parametrize(
    ("device", "precision", "processor", "expected"),
    [
        ("cpu", "fp32", (), True),
        ("cpu", "fp32", WITH_AMX, True),
        ("cpu", "bf16", WITH_AMX, True),
        ("cpu", "bf16", ZEN_4, True),
        ("cpu", "bf16", ("avx512_bf16",), False),
        ("cuda", "fp32", WITH_AMX, False),
        ("cuda", "bf16", WITH_AMX, False),
    ],
)
def test_faster_kernels_exist_on_a_cpu_for_fp32_and_for_bf16_where_that_is_its_fastest(
    device: str,
    precision: str,
    processor: tuple[str, ...],
    expected: bool,
    set_processor: Callable[..., None],
) -> None:
    set_processor(*processor)
    assert has_faster_kernels(torch.device(device), precision) is expected
