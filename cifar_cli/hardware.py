"""What this machine can do: which precision its processor multiplies fastest in, and how much memory was needed."""

import os
import sys

import torch


def multiplies_fastest_in_bf16(device: torch.device) -> bool:
    """Returns whether the device has instructions for products in bf16 that leave those in fp32 behind."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported(including_emulation=False))
    return device.type == "cpu" and (has_amx() or _doubles_its_speed_by_avx512_bf16())


def has_amx() -> bool:
    """Returns whether the CPU multiplies whole tiles in bf16, and oneDNN may have it do so."""
    return _cpu_has("amx_bf16") and _onednn_may_use("AMX")


def _doubles_its_speed_by_avx512_bf16() -> bool:
    # An AMD core (Zen 4) begins as many of these instructions as of fp32's, each with twice the products. On an EPYC,
    # steps of mlp, quickstart, sequential and cnn took 0.69, 0.62, 0.66 and 0.62 of their time in fp32 (medians of 12
    # turns, processor time of one thread). On two cores of a Xeon without AMX, convolutions took 1.1 to 1.4 times as
    # long.
    is_amd = _cpu_has("sse4a")  # which no other make has
    return is_amd and _cpu_has("avx512_bf16") and _onednn_may_use("BF16", "FP16", "AMX", "AVX10")


def _onednn_may_use(*names: str) -> bool:
    """Returns whether the user left oneDNN, which computes the convolutions, one of these or all there is."""
    most = os.environ.get("ONEDNN_MAX_CPU_ISA", os.environ.get("DNNL_MAX_CPU_ISA", "DEFAULT")).upper()
    return most in ("DEFAULT", "ALL") or any(name in most for name in names)


def cpu_computes_bf16() -> bool:
    """Returns whether the CPU has instructions that multiply in bf16; without them it is emulated, slowly."""
    return _cpu_has("amx_bf16") or _cpu_has("avx512_bf16")


def _cpu_has(feature: str) -> bool:
    return bool(torch.cpu.get_capabilities().get(feature, False))


def peak_memory_bytes(device: torch.device) -> int | None:
    """Returns the most memory held so far: the GPU's on CUDA, else the process's; None if unknown."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device)
    try:
        import resource
    except ImportError:  # Windows
        return None
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else 1024 * peak  # macOS counts bytes, Linux kibibytes
