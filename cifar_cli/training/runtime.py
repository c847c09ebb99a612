"""Chooses the device and the precision to compute in."""

import os
from contextlib import AbstractContextManager
from dataclasses import dataclass

import torch

from cifar_cli.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from cifar_cli.errors import UsageError
from cifar_cli.hardware import cpu_computes_bf16, multiplies_fastest_in_bf16

DTYPES = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


@dataclass(frozen=True)
class Runtime:
    """A device, and the precision of matrix products and convolutions: `fp32`, `bf16` or `fp16`.

    Weights, sums and everything else stay in fp32. processes: those that train together, each on its own device.
    """

    device: torch.device
    precision: str
    processes: ProcessGroup = SINGLE_PROCESS

    def autocast(self) -> AbstractContextManager[None]:
        """Returns the context for a forward pass and its loss, in which torch computes in this precision."""
        return torch.autocast(self.device.type, DTYPES[self.precision], enabled=self.precision != "fp32")

    @property
    def device_name(self) -> str:
        """The device's name for people, with the number of processes if there are several."""
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
"""For a handful of images: a GPU takes longer to start, and may round products further."""


def synchronize(device: torch.device) -> None:
    """Waits until the device has finished its work; returns at once for a CPU."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
    elif device.type == "mps":
        torch.mps.synchronize()


def choose_runtime(
    *, device: str = "auto", precision: str = "auto", processes: ProcessGroup = SINGLE_PROCESS
) -> Runtime:
    """Returns the runtime with the given device and precision; `auto` is the fastest that this machine has.

    Each of several processes gets its own GPU. Raises UsageError if the machine lacks the device, or the device the
    precision.
    """
    chosen = _choose_device(device)
    if processes.size > 1:
        chosen = _own_device(chosen, processes)
    return Runtime(chosen, _choose_precision(precision, chosen), processes)


def compute_deterministically() -> None:
    """Restricts torch, in this process from now on, to algorithms that give the same bits each time.

    From then on an operation without such an algorithm raises torch's RuntimeError, which says so.
    """
    # cuBLAS reads the variable at its first use, which comes later.
    os.environ.setdefault("CUBLAS_WORKSPACE_CONFIG", ":4096:8")
    torch.backends.cudnn.benchmark = False
    torch.use_deterministic_algorithms(True)


def _choose_device(device: str) -> torch.device:
    available = _available_devices()
    if device == "auto":
        return torch.device(available[0])
    device_type, _, number = device.partition(":")
    if device_type not in available:
        raise UsageError(
            f"train.device: this machine has {' and '.join(available)}, found '{device}'; "
            f"write train.device=auto to take the best there is"
        )
    if device_type == "cuda" and number and int(number) >= torch.cuda.device_count():
        raise UsageError(
            f"train.device: this machine has {torch.cuda.device_count()} CUDA device(s), numbered from 0, "
            f"found '{device}'; write train.device=cuda for the first"
        )
    return torch.device(device)


def _own_device(chosen: torch.device, processes: ProcessGroup) -> torch.device:
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
    torch.cuda.set_device(own)  # NCCL communicates from the current device
    return own


def _available_devices() -> list[str]:
    """Returns the types of device that this machine has, the fastest first."""
    is_available = {"cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available(), "cpu": True}
    return [device_type for device_type, is_here in is_available.items() if is_here]


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
