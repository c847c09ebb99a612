"""Captures training steps on an NVIDIA GPU as CUDA graphs, and replays each by one call.

A step launches hundreds of kernels. For a small network Python takes longer to launch a kernel than the GPU to compute
it; a graph is one launch and computes the same. A step that is captured must do the same for all batches of one shape,
and must never wait for the device.
Source: Ng et al., "Accelerating PyTorch with CUDA Graphs", 2021, and torch's notes on CUDA semantics.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.optim import Optimizer

from cifar_cli.optim.gradient_norm import has_zero_lr

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes images (B, C, H, W) and targets (B,) or (B, K), updates the weights, returns loss () and logits (B, K)."""

EAGER_STEPS = 1  # before a capture: the optimizer makes its buffers, libraries choose and compile their kernels


class GraphKey(NamedTuple):
    """The properties of a step that one graph is captured for. zero_lr: for each parameter group."""

    images_shape: torch.Size
    targets_shape: torch.Size
    targets_dtype: torch.dtype
    zero_lr: tuple[bool, ...]


def can_capture(device: torch.device, precision: str) -> bool:
    """Returns whether steps can be captured; in fp16 each step waits for the GPU's check of the gradients."""
    return device.type == "cuda" and precision != "fp16"


class GraphCache:
    """The captured steps of one training. The first step of each key runs eagerly; later steps replay its graph.

    Learning rates are read from GPU memory, in eager steps too, so that they can change from one replay to the next.
    Optimizer state is part of a graph: loading optimizer state clears the cache.
    """

    def __init__(self, optimizer: Optimizer, *, device: torch.device) -> None:
        self._optimizer = optimizer
        self._lrs = torch.zeros(len(optimizer.param_groups), device=device)
        self._eager_steps: Counter[GraphKey] = Counter()
        self._captured: dict[GraphKey, CapturedStep] = {}

    def take(self, step: Step, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Takes a step; returns its loss and logits, which the next step of the same key may overwrite."""
        groups = self._optimizer.param_groups
        key = GraphKey(images.shape, targets.shape, targets.dtype, tuple(has_zero_lr(group) for group in groups))
        self._lrs.copy_(torch.tensor([group["lr"] for group in groups]), non_blocking=True)
        if key in self._captured and not self._captured[key].fits(self._optimizer):
            self._captured.clear()
            self._eager_steps.clear()
        if key not in self._captured:
            with tensor_lrs(self._optimizer, self._lrs):
                if self._eager_steps[key] < EAGER_STEPS:
                    self._eager_steps[key] += 1
                    return step(images, targets)
                self._captured[key] = CapturedStep(step, images, targets, optimizer=self._optimizer)
        return self._captured[key].replay(images, targets)


class CapturedStep:
    """The graph of one step. Capturing it takes no step."""

    def __init__(self, step: Step, images: Tensor, targets: Tensor, *, optimizer: Optimizer) -> None:
        self._images, self._targets = images.clone(), targets.clone()  # the addresses that the graph reads
        self._state = state_tensors(optimizer)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss, self._logits = step(self._images, self._targets)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self._gradients = [(parameter, parameter.grad) for parameter in parameters]

    def fits(self, optimizer: Optimizer) -> bool:
        """Returns whether the optimizer's state is still the same tensors as when the step was captured."""
        now = state_tensors(optimizer)
        return len(now) == len(self._state) and all(a is b for a, b in zip(now, self._state, strict=True))

    def replay(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Takes the step with these images and targets, of the shapes that were captured."""
        self._images.copy_(images)
        self._targets.copy_(targets)
        self._graph.replay()
        for parameter, gradient in self._gradients:  # another graph has other gradients
            parameter.grad = gradient
        return self._loss, self._logits


@contextmanager
def tensor_lrs(optimizer: Optimizer, lrs: Tensor) -> Iterator[None]:
    """Within the context, the optimizer reads its groups' learning rates from `lrs`; rates of zero stay numbers.

    A Python number would become a constant of the graph. torch's Adam is captured only if `capturable` is set.
    """
    groups = optimizer.param_groups
    before: list[dict[str, Any]] = [
        {key: group[key] for key in ("lr", "capturable") if key in group} for group in groups
    ]
    for group, lr in zip(groups, lrs.unbind(), strict=True):
        if not has_zero_lr(group):
            group["lr"] = lr
        if "capturable" in group:
            group["capturable"] = True
    try:
        yield
    finally:
        for group, values in zip(groups, before, strict=True):
            group.update(values)


def state_tensors(optimizer: Optimizer) -> list[Tensor]:
    """Returns the tensors of the optimizer's state, always in the same order."""
    return [value for state in optimizer.state.values() for value in state.values() if isinstance(value, Tensor)]
