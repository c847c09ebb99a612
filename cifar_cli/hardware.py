"""The machine's fastest precision, and the memory that the process has used and that is free."""

import os
import sys
from contextlib import suppress
from pathlib import Path

import torch


def multiplies_fastest_in_bf16(device: torch.device) -> bool:
    """Returns whether the device multiplies faster in bf16 than in fp32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and (has_amx() or _has_fast_avx512_bf16())


def explain_precision(device: torch.device) -> str:
    """Returns why `multiplies_fastest_in_bf16` answers as it does."""
    if device.type == "cuda":
        is_native = multiplies_fastest_in_bf16(device)
        return "the GPU multiplies in bf16" if is_native else "the GPU has no bf16 of its own"
    if device.type != "cpu":
        return f"bf16 is not used on {device.type}"
    if has_amx():
        return "the processor has AMX for bf16"
    if _has_fast_avx512_bf16():
        return "an AMD processor with AVX512-bf16"
    if not cpu_computes_bf16():
        return "the processor has neither AMX nor AVX512-bf16"
    if _cpu_has("amx_bf16") or _cpu_has("sse4a"):
        return "ONEDNN_MAX_CPU_ISA forbids AMX or AVX512-bf16"
    return "AVX512-bf16 without AMX is slower than fp32 on Intel"


def has_amx() -> bool:
    """Returns whether the CPU has AMX for bf16 and the user lets oneDNN use AMX."""
    return _cpu_has("amx_bf16") and _onednn_may_use("AMX")


def _has_fast_avx512_bf16() -> bool:
    # AMD's cores are faster with AVX512-bf16; Intel's without AMX are slower: docs/experiments/hardware.md.
    is_amd = _cpu_has("sse4a")  # no other vendor has SSE4a
    return is_amd and _cpu_has("avx512_bf16") and _onednn_may_use("BF16", "FP16", "AMX", "AVX10")


def _onednn_may_use(*names: str) -> bool:
    """Returns whether the user lets oneDNN, which computes convolutions, use one of these instruction sets."""
    highest = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "DEFAULT")).upper()
    return highest in ("DEFAULT", "ALL") or any(name in highest for name in names)


def cpu_computes_bf16() -> bool:
    """Returns whether the CPU has instructions for bf16; without them bf16 is emulated, slowly."""
    return _cpu_has("amx_bf16") or _cpu_has("avx512_bf16")


def _cpu_has(feature: str) -> bool:
    return bool(torch.cpu.get_capabilities().get(feature, False))


def available_memory_bytes() -> int | None:
    """Returns the memory that is free for this process, within the limit of its container; None if unknown."""
    try:
        meminfo = Path("/proc/meminfo").read_text()
    except OSError:  # no Linux
        return None
    lines = dict(line.split(":", 1) for line in meminfo.splitlines())
    available = 1024 * int(lines["MemAvailable"].split()[0])
    with suppress(OSError, ValueError):  # no container, or one without a limit ("max")
        available = min(available, int(Path("/sys/fs/cgroup/memory.max").read_text()))
    return available


def peak_memory_bytes(device: torch.device) -> int | None:
    """Returns the peak memory so far: the GPU's on CUDA, else the process's; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # macOS counts bytes, Linux kibibytes
