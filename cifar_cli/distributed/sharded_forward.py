"""Data-parallel forward pass: each process computes its shard of the batch and receives the logits of all shards.

Every process has the whole batch, so the loss, the metrics and every decision that depends on them are the same in
every process.
"""

import warnings
from collections.abc import Callable
from typing import Any

from torch import Tensor, nn
from torch import distributed as dist
from torch.autograd import Function
from torch.autograd.function import once_differentiable
from torch.nn.parallel import DistributedDataParallel

from cifar_cli.distributed.process_group import ProcessGroup


def with_synchronized_gradients(model: nn.Module) -> DistributedDataParallel:
    """Returns the model in a wrapper whose backward pass averages the gradients over the processes."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch 2.11 does not know the argument's new name
        # The buffers are BatchNorm's running statistics, which every process computes from the whole batch.
        return DistributedDataParallel(model, broadcast_buffers=False)


class ShardedForward(nn.Module):
    """Returns logits (B, K) for images (B, C, H, W), the same in every process; each process computes one shard.

    The shards' sizes differ by at most one image, and a shard may be empty.
    """

    def __init__(self, network: Callable[[Tensor], Tensor], processes: ProcessGroup) -> None:
        super().__init__()
        self.network = network
        self.processes = processes

    def forward(self, images: Tensor) -> Tensor:
        shards = images.tensor_split(self.processes.size)
        first = sum(len(shard) for shard in shards[: self.processes.rank])
        logits = self.network(shards[self.processes.rank])  # (B / size, K)
        gathered: Tensor = _Gather.apply(logits, first, len(images), self.processes.size)  # (B, K)
        return gathered


class _Gather(Function):
    """Gathers the rows of all processes; the backward pass returns the gradient of this process's own rows.

    The gradient is multiplied by `size`: DistributedDataParallel averages over the processes where a sum is needed.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, first: int, total: int, size: int) -> Tensor:
        ctx.own, ctx.size = slice(first, first + len(rows)), size
        # A sum with zeros is exact, and unlike all_gather it takes shards of different sizes.
        gathered = rows.new_zeros(total, *rows.shape[1:])
        gathered[ctx.own] = rows
        dist.all_reduce(gathered)
        return gathered

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return gradient[ctx.own] * ctx.size, None, None, None
