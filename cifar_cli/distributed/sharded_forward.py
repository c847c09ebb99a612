"""A network that several processes compute together, each a share of the batch. Knows nothing of who started them.

Every process has the whole batch, sends its share through the network, and gets everybody's logits back. So the loss,
the counts and all that is decided by them are those of the whole batch, in every process, as if there were only one.
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


def with_synchronized_gradients(model: nn.Module) -> nn.Module:
    """Returns the model, its gradients being the mean over the processes when a backward pass is done."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", FutureWarning)  # torch's newer name for the argument is unknown to torch 2.11
        # Buffers are BatchNorm's averages, which every process has from the whole batch.
        return DistributedDataParallel(model, broadcast_buffers=False)


class ShardedForward(nn.Module):
    """Computes a network's logits for a batch, each process those of its share.

    Images (B, C, H, W) go in and logits (B, K) come out, the same in every process. Shares differ by one image at most
    and may be empty.
    """

    def __init__(self, network: Callable[[Tensor], Tensor], processes: ProcessGroup) -> None:
        super().__init__()
        self.network = network
        self.processes = processes

    def forward(self, images: Tensor) -> Tensor:
        shares = images.tensor_split(self.processes.size)
        first = sum(len(share) for share in shares[: self.processes.rank])
        logits = self.network(shares[self.processes.rank])  # (B / size, K)
        gathered: Tensor = _Gather.apply(logits, first, len(images), self.processes.size)  # (B, K)
        return gathered


class _Gather(Function):
    """Puts every process's rows together; backward, each takes those of its own.

    Times `size`, because the weights' gradients are then averaged over the processes and have to be summed.
    """

    @staticmethod
    def forward(ctx: Any, rows: Tensor, first: int, total: int, size: int) -> Tensor:
        ctx.own, ctx.size = slice(first, first + len(rows)), size
        # A sum with zeros is exact, and unlike gathering it minds no shares of different sizes.
        everything = rows.new_zeros(total, *rows.shape[1:])
        everything[ctx.own] = rows
        dist.all_reduce(everything)
        return everything

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None, None]:
        return gradient[ctx.own] * ctx.size, None, None, None
