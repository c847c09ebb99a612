"""Measures how fast the machine multiplies matrices: the upper limit of the speed of a training."""

import time
from dataclasses import dataclass

import torch

from cifar_cli.training.runtime import synchronize

# The best size depends on the device: small matrices do not fill a GPU, large matrices exceed the caches of a CPU.
SIZES = {"cpu": (1024, 2048, 3072), "mps": (2048, 4096), "cuda": (4096, 8192, 16384)}
SECONDS_PER_SIZE = 0.3


@dataclass(frozen=True)
class MatrixPeak:
    """The highest rate, and the size of the square matrices that reached it."""

    flops_per_second: float
    size: int


def matrix_peak(
    device: torch.device, dtype: torch.dtype, *, sizes: tuple[int, ...] = (), seconds: float = SECONDS_PER_SIZE
) -> MatrixPeak:
    """Returns the highest rate that torch's product of two square matrices reaches with this device and dtype.

    sizes: the sizes to try, by default those of SIZES; seconds: the time for each size.
    """
    return max((_rate(size, device, dtype, seconds) for size in sizes or SIZES[device.type]), key=_by_rate)


def _by_rate(peak: MatrixPeak) -> float:
    return peak.flops_per_second


def _rate(size: int, device: torch.device, dtype: torch.dtype, seconds: float) -> MatrixPeak:
    left, right = (torch.rand(size, size, device=device).to(dtype) for _ in range(2))
    product = torch.empty(size, size, device=device, dtype=dtype)
    torch.mm(left, right, out=product)  # the first call selects and may compile a kernel
    fastest = float("inf")
    deadline = time.perf_counter() + seconds
    while time.perf_counter() < deadline:
        synchronize(device)
        started = time.perf_counter()
        torch.mm(left, right, out=product)
        synchronize(device)
        fastest = min(fastest, time.perf_counter() - started)
    return MatrixPeak(2 * size**3 / fastest, size)
