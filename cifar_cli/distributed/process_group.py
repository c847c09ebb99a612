"""Joins the processes that torchrun starts into a group that trains one network.

torch is imported only with several processes: the console asks this module which process prints.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta

from cifar_cli.errors import CifarError, UsageError

ENVIRONMENT = ("RANK", "WORLD_SIZE", "LOCAL_RANK", "MASTER_ADDR", "MASTER_PORT")  # what torchrun sets
# The other processes wait while the first one downloads. A process that dies is noticed at once all the same.
TIMEOUT = timedelta(hours=12)


@dataclass(frozen=True)
class ProcessGroup:
    """The processes of a training, seen by one of them: `rank` of `size`, and `local_rank` on its machine.

    `broadcast` and `all_reduce_max` are collective: every rank must call them at the same point. With one process they
    return their argument.
    """

    rank: int = 0
    size: int = 1
    local_rank: int = 0

    @property
    def is_main(self) -> bool:
        """Whether this is the process that writes files and prints."""
        return self.rank == 0

    def broadcast(self, text: str) -> str:
        """Returns the main process's text."""
        if self.size == 1:
            return text
        import torch
        import torch.distributed

        texts = [text]
        torch.distributed.broadcast_object_list(texts, src=0, device=torch.device("cpu"))
        return texts[0]

    def all_reduce_max(self, number: int) -> int:
        """Returns the highest of the processes' numbers."""
        if self.size == 1:
            return number
        import torch
        import torch.distributed

        # On the CPU, so that no process waits for its GPU.
        numbers = torch.tensor(number)
        torch.distributed.all_reduce(numbers, op=torch.distributed.ReduceOp.MAX)
        return int(numbers)


SINGLE_PROCESS = ProcessGroup()


def is_main_process() -> bool:
    """Returns whether this process writes files and prints, by its environment, also before it joins the group."""
    return "WORLD_SIZE" not in os.environ or os.environ.get("RANK", "0") == "0"


@contextmanager
def join_process_group() -> Iterator[ProcessGroup]:
    """Joins the group of the processes that torchrun started, or yields SINGLE_PROCESS without torchrun.

    Raises UsageError if only a part of torchrun's environment variables is set, and CifarError if another process ends
    early or does not join.
    """
    processes = _from_environment()
    if processes.size == 1:
        yield processes
        return
    import torch
    import torch.distributed as dist

    try:
        # Two backends: NCCL for tensors on GPUs, Gloo for plain numbers without waiting for a GPU.
        dist.init_process_group("cpu:gloo,cuda:nccl" if torch.cuda.is_available() else "gloo", timeout=TIMEOUT)
        yield processes
    except RuntimeError as error:
        if isinstance(error, dist.DistError) or "gloo" in str(error):
            raise CifarError(
                f"process {processes.rank} of {processes.size}: another process of this training ended early; "
                f"continue from the last checkpoint, with any number of processes: cifar train --resume"
            ) from error
        raise
    finally:
        if dist.is_initialized():
            dist.destroy_process_group()


def _from_environment() -> ProcessGroup:
    found = {name: os.environ[name] for name in ENVIRONMENT if name in os.environ}
    if "RANK" not in found and "WORLD_SIZE" not in found:  # the other variables alone mean nothing
        return SINGLE_PROCESS
    numbers = [found.get(name, "") for name in ("RANK", "WORLD_SIZE", "LOCAL_RANK")]
    if len(found) < len(ENVIRONMENT) or not all(number.isdecimal() for number in numbers):
        settings = " ".join(f"{name}={value}" for name, value in found.items())
        raise UsageError(
            f"environment: expected all of {', '.join(ENVIRONMENT)}, as torchrun sets them, found {settings}; start "
            f"with torchrun --nproc-per-node N -m cifar_cli train, or unset RANK and WORLD_SIZE to train in one process"
        )
    rank, size, local_rank = map(int, numbers)
    return ProcessGroup(rank, size, local_rank)
