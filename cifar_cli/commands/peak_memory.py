"""Asks the system how much memory this process has needed."""

import sys

import torch


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
