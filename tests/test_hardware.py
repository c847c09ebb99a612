"""The fastest precision of processors other than this one, and the memory that this process has used."""

import sys
from collections.abc import Callable

import pytest
import torch

from cifar_cli.hardware import (
    cpu_computes_bf16,
    explain_precision,
    has_amx,
    multiplies_fastest_in_bf16,
    peak_memory_bytes,
)

CPU = torch.device("cpu")
INTEL_WITH_AMX = ("avx512_bf16", "amx_bf16")
INTEL_WITHOUT_AMX = ("avx512_bf16",)
AMD_ZEN_4 = ("avx512_bf16", "sse4a")
AMD_ZEN_3 = ("sse4a",)


@pytest.mark.parametrize(
    ("features", "expected"),
    [(INTEL_WITH_AMX, True), (INTEL_WITHOUT_AMX, False), (AMD_ZEN_4, True), (AMD_ZEN_3, False), ((), False)],
)
def test_bf16_is_fastest_with_amx_and_with_amds_avx512_bf16(
    set_processor: Callable[..., None], features: tuple[str, ...], expected: bool
) -> None:
    set_processor(*features)
    assert multiplies_fastest_in_bf16(CPU) is expected


@pytest.mark.parametrize(
    ("features", "highest", "reason"),
    [
        (INTEL_WITH_AMX, "DEFAULT", "the processor has AMX for bf16"),
        (INTEL_WITH_AMX, "AVX2", "ONEDNN_MAX_CPU_ISA forbids AMX or AVX512-bf16"),
        (INTEL_WITHOUT_AMX, "DEFAULT", "AVX512-bf16 without AMX is slower than fp32 on Intel"),
        (AMD_ZEN_4, "DEFAULT", "an AMD processor with AVX512-bf16"),
        (AMD_ZEN_4, "AVX2", "ONEDNN_MAX_CPU_ISA forbids AMX or AVX512-bf16"),
        (AMD_ZEN_3, "DEFAULT", "the processor has neither AMX nor AVX512-bf16"),
    ],
)
def test_the_choice_of_the_precision_has_a_reason(
    set_processor: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    features: tuple[str, ...],
    highest: str,
    reason: str,
) -> None:
    set_processor(*features)
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", highest)
    assert explain_precision(CPU) == reason
    assert explain_precision(torch.device("mps")) == "bf16 is not used on mps"


@pytest.mark.parametrize("is_native", [True, False])
def test_bf16_is_fastest_on_a_gpu_that_does_not_emulate_it(monkeypatch: pytest.MonkeyPatch, is_native: bool) -> None:
    monkeypatch.setattr(
        torch.cuda, "is_bf16_supported", lambda including_emulation=True: is_native or including_emulation
    )
    assert multiplies_fastest_in_bf16(torch.device("cuda")) is is_native


def test_bf16_is_not_fastest_on_mps(set_processor: Callable[..., None]) -> None:
    set_processor(*INTEL_WITH_AMX)
    assert not multiplies_fastest_in_bf16(torch.device("mps"))


@pytest.mark.parametrize("variable", ["ONEDNN_MAX_CPU_ISA", "DNNL_MAX_CPU_ISA"])
@pytest.mark.parametrize(
    ("highest", "on_intel", "on_amd"),
    [
        ("AVX2", False, False),
        ("AVX512_CORE_VNNI", False, False),
        ("avx512_core_bf16", False, True),
        ("AVX512_CORE_FP16", False, True),
        ("AVX512_CORE_AMX", True, True),
        ("AVX10_1_512", False, True),
        ("AVX10_1_512_AMX", True, True),
        ("ALL", True, True),
        ("DEFAULT", True, True),
    ],
)
def test_instruction_sets_that_onednn_may_not_use_do_not_count(
    set_processor: Callable[..., None],
    monkeypatch: pytest.MonkeyPatch,
    variable: str,
    highest: str,
    on_intel: bool,
    on_amd: bool,
) -> None:
    set_processor(*INTEL_WITH_AMX)
    monkeypatch.setenv(variable, highest)
    assert (multiplies_fastest_in_bf16(CPU), has_amx()) == (on_intel, on_intel)
    set_processor(*AMD_ZEN_4)
    monkeypatch.setenv(variable, highest)
    assert (multiplies_fastest_in_bf16(CPU), has_amx()) == (on_amd, False)


@pytest.mark.parametrize(("feature", "expected"), [("amx_bf16", True), ("avx512_bf16", True), ("avx512_f", False)])
def test_a_cpu_computes_bf16_with_amx_or_avx512_bf16(
    set_processor: Callable[..., None], feature: str, expected: bool
) -> None:
    set_processor(feature)
    assert cpu_computes_bf16() is expected


@pytest.mark.parametrize(
    ("shape", "filters"),
    [
        ((8, 3, 32, 32), (24, 3, 2, 2)),  # a kernel that torch has had wrong results with
        ((8, 24, 31, 31), (64, 24, 3, 3)),
        ((8, 256, 3, 3), (256, 256, 3, 3)),
        ((8, 3, 32, 32), (32, 3, 5, 5)),
    ],
    ids=str,
)
def test_bf16_convolutions_on_this_processor_are_exact_up_to_rounding(
    shape: tuple[int, ...], filters: tuple[int, ...]
) -> None:
    generator = torch.Generator().manual_seed(0)
    images, weight, gradient = (
        torch.randn(size, generator=generator).bfloat16() for size in (shape, filters, (8, filters[0], *shape[2:]))
    )

    def values_and_gradients(dtype: torch.dtype) -> list[torch.Tensor]:
        inputs = [
            tensor.to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
            for tensor in (images, weight)
        ]
        convolved = torch.nn.functional.conv2d(*inputs, padding=(filters[-1] - 1) // 2)
        rows, columns = convolved.shape[2:]
        return [convolved.detach(), *torch.autograd.grad(convolved, inputs, gradient[..., :rows, :columns].to(dtype))]

    for rounded, exact in zip(values_and_gradients(torch.bfloat16), values_and_gradients(torch.float64), strict=True):
        assert (rounded - exact).norm() <= 0.01 * exact.norm()


@pytest.mark.skipif(sys.platform != "linux", reason="reads /proc")
def test_the_peak_memory_on_a_cpu_is_that_of_the_process() -> None:
    block = torch.ones(2**24)  # 64 MiB, all written
    peak = peak_memory_bytes(CPU)
    with open("/proc/self/status") as status:
        (high_water_mark,) = (int(line.split()[1]) for line in status if line.startswith("VmHWM:"))  # KiB
    assert peak == pytest.approx(1024 * high_water_mark, rel=0.01)
    assert peak > block.nbytes


def test_the_peak_memory_is_unknown_without_the_module_resource(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "resource", None)  # as on Windows
    assert peak_memory_bytes(CPU) is None
