"""Which kernel computes a 3×3 convolution, by precision, processor, size of the map and number of images."""

from collections.abc import Callable
from contextlib import nullcontext

import pytest
import torch

from cifar_cli.kernels import kernel_choice
from cifar_cli.kernels.kernel_choice import faster_kernel

WITH_AMX = ("amx_bf16",)
ZEN_4 = ("avx512_bf16", "sse4a")
BANDS, PACKED, WINOGRAD = "band_conv3x3", "packed_conv3x3", "winograd_conv3x3"


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The names of the kernels that were called; they compute nothing."""
    calls: list[str] = []
    for name in (BANDS, PACKED, WINOGRAD):
        monkeypatch.setattr(kernel_choice, name, lambda *images, name=name, **settings: calls.append(name))
    return calls


@pytest.mark.parametrize(
    ("processor", "precision", "images", "side", "expected"),
    [
        (WITH_AMX, "bf16", 64, 1, BANDS),
        (WITH_AMX, "bf16", 127, 2, PACKED),
        (WITH_AMX, "bf16", 128, 2, BANDS),
        (WITH_AMX, "bf16", 499, 3, PACKED),
        (WITH_AMX, "bf16", 500, 3, BANDS),
        (WITH_AMX, "bf16", 500, 7, PACKED),
        (WITH_AMX, "bf16", 500, 8, None),
        (WITH_AMX, "fp32", 256, 2, BANDS),
        (ZEN_4, "bf16", 255, 2, WINOGRAD),
        (ZEN_4, "bf16", 256, 2, BANDS),
        (ZEN_4, "bf16", 500, 3, WINOGRAD),
        ((), "fp32", 64, 1, BANDS),
        ((), "fp32", 256, 3, WINOGRAD),
        ((), "fp32", 64, 15, WINOGRAD),
        ((), "fp32", 64, 16, None),
        ((), "fp32", 63, 1, None),
    ],
)
def test_the_kernel_is_the_tables(
    processor: tuple[str, ...],
    precision: str,
    images: int,
    side: int,
    expected: str | None,
    called: list[str],
    set_processor: Callable[..., None],
) -> None:
    set_processor(*processor)
    batch, weight = torch.zeros(images, 1, side, side), torch.zeros(1, 1, 3, 3)
    with torch.autocast("cpu", torch.bfloat16) if precision == "bf16" else nullcontext():
        kernel = faster_kernel(batch, 1)
        if kernel is not None:
            kernel(batch, weight)
    assert called == ([expected] if expected else [])
