"""Divides this machine among the workers of a sweep: CPU threads, and the GPUs."""

import os

import torch

from cifar_cli import formatting
from cifar_cli.console.streams import note, warn


def threads_for(workers: int) -> int:
    """Returns how many CPU threads each of so many workers gets; warns if there are more workers than threads."""
    threads = torch.get_num_threads()
    if workers > threads:
        warn(
            f"--workers {workers}: this machine computes in {formatting.count(threads, 'thread')}, so that the workers "
            f"wait for each other; more of them than threads gain nothing"
        )
    return max(1, threads // workers)


def gpus_for(workers: int, *, device: str) -> list[str | None]:
    """Returns the CUDA device that each of so many workers sees; None for all that there are.

    device: as in train.device. Workers share GPUs where there are fewer.
    """
    if device not in ("auto", "cuda") or not torch.cuda.is_available():
        return [None] * workers
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    names = visible.split(",") if visible else [str(number) for number in range(torch.cuda.device_count())]
    if workers > len(names):
        note(f"{workers} workers share {formatting.count(len(names), 'GPU')}")
    return [names[index % len(names)] for index in range(workers)]
