"""Where and how to compute: device and precision. Knows nothing of models or data."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from cifar_cli.errors import UsageError
from cifar_cli.training.processes import ALONE, Processes

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Runtime:
    """A device, and the precision that matrix products and convolutions are computed in (`fp32`, `bf16`, `fp16`).

    Weights, sums and everything else stay in fp32. processes: who else computes, each on a device of its own.
    """

    device: torch.device
    precision: str
    processes: Processes = ALONE

    def autocast(self) -> AbstractContextManager[None]:
        """Returns the context in which a forward pass and its loss are computed."""
        return torch.autocast(self.device.type, DTYPES[self.precision], enabled=self.precision != "fp32")

    @property
    def device_name(self) -> str:
        """The device as a person would name it, and how many processes have one like it."""
        name = self._own_device_name()
        return name if self.processes.size == 1 else f"{self.processes.size} processes, each with {name}"

    def _own_device_name(self) -> str:
        if self.device.type == "cuda":
            return torch.cuda.get_device_name(self.device)
        if self.device.type == "cpu":
            threads = torch.get_num_threads()
            return f"{threads} CPU thread{'s' if threads > 1 else ''}"
        return self.device.type


CPU = Runtime(torch.device("cpu"), "fp32")
"""Where a handful of images is looked at: a GPU takes longer to begin, and may round products further."""


def wait_for(device: torch.device) -> None:
    """Waits until the device has done what it was given; a CPU always has."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def choose_runtime(*, device: str = "auto", precision: str = "auto", processes: Processes = ALONE) -> Runtime:
    """Returns the device and precision asked for, `auto` being the fastest that this machine has.

    Of several processes each gets a GPU of its own. Raises UsageError where the machine has no such device, or the
    device cannot compute so.
    """
    chosen = _choose_device(device)
    if processes.size > 1:
        chosen = _own_device(chosen, processes)
    return Runtime(chosen, _choose_precision(precision, chosen), processes)


def compute_deterministically() -> None:
    """Has torch take only algorithms that give the same bits each time, in this process, from now on.

    What has no such algorithm on the device raises torch's RuntimeError, which says so.
    """
    # cuBLAS reads it when it is first used, which is after this.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


def _choose_device(device: str) -> torch.device:
    available = _available_devices()
    if device == "auto":
        return torch.device(available[0])
    kind, _, number = device.partition(":")
    if kind not in available:
        raise UsageError(
            f"train.device: this machine has {' and '.join(available)}, found '{device}'; "
            f"write train.device=auto to take the best there is"
        )
    if kind == "cuda" and number and int(number) >= torch.cuda.device_count():
        raise UsageError(
            f"train.device: this machine has {torch.cuda.device_count()} CUDA device(s), numbered from 0, "
            f"found '{device}'; "
            f"write train.device=cuda for the first"
        )
    return torch.device(device)


def _own_device(chosen: torch.device, processes: Processes) -> torch.device:
    if chosen.type == "cpu":
        return chosen
    if chosen.type != "cuda" or chosen.index is not None:
        raise UsageError(
            f"train.device: several processes take a CUDA device each or share the CPU, found '{chosen}'; "
            f"write train.device=cuda or train.device=cpu"
        )
    if processes.local_rank >= torch.cuda.device_count():
        raise UsageError(
            f"train.device: expected a CUDA device for each process, found {torch.cuda.device_count()}; start as many "
            f"processes with torchrun --nproc-per-node {torch.cuda.device_count()}, or write train.device=cpu"
        )
    own = torch.device("cuda", processes.local_rank)
    torch.cuda.set_device(own)  # where NCCL talks from
    return own


def _available_devices() -> list[str]:
    """Returns the kinds of device here, the fastest first."""
    kinds = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [kind for kind, is_here in kinds.items() if is_here]


def _choose_precision(precision: str, device: torch.device) -> str:
    if precision == "auto":
        return _fastest_precision(device)
    if precision == "fp16" and device.type == "cpu":
        raise UsageError("train.precision: fp16 needs a GPU, found a CPU; write train.precision=auto")
    if precision == "bf16" and device.type == "cpu" and not cpu_computes_bf16():
        raise UsageError(
            "train.precision: bf16 on a CPU needs one with AMX or AVX512-bf16, found one with neither, where it would "
            "be slower than fp32; write train.precision=auto"
        )
    return precision


def _fastest_precision(device: torch.device) -> str:
    if multiplies_fastest_in_bf16(device):
        return "bf16"
    return "fp16" if device.type == "cuda" else "fp32"


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
