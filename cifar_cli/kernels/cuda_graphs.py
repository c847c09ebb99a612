"""Captures training steps on an NVIDIA GPU as CUDA graphs, and replays each by one call.

A step launches hundreds of kernels. For a small network Python takes longer to launch a kernel than the GPU to compute
it; a graph is one launch and computes the same. A step that is captured must do the same for all batches of one shape,
and must never wait for the device. What a graph costs before its first replay is timed apart, and is no training.
Source: Ng et al., "Accelerating PyTorch with CUDA Graphs", 2021, and torch's notes on CUDA semantics.
"""

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from cifar_cli.kernels.undone_step import state_tensors, undone
from cifar_cli.optim.gradient_norm import has_zero_lr

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes images (B, C, H, W) and targets (B,) or (B, K), updates the weights, returns loss () and logits (B, K)."""


class GraphKey(NamedTuple):
    """The properties of a step that one graph is captured for. zero_lr, has_gradients: for each parameter group."""

    images_shape: torch.Size
    targets_shape: torch.Size
    targets_dtype: torch.dtype
    zero_lr: tuple[bool, ...]
    has_gradients: tuple[bool, ...]  # a graph from before a group was frozen would go on computing its gradients


def can_capture(device: torch.device, precision: str) -> bool:
    """Returns whether steps can be captured; in fp16 each step waits for the GPU's check of the gradients."""
    return device.type == "cuda" and precision != "fp16"


class GraphCache:
    """The captured steps of one training: each step replays the graph of its key.

    Before the first step of a key, the step is taken once eagerly and undone, and then captured. compile_seconds: what
    this took so far, for all keys: choosing, loading and compiling kernels, and capturing. All else is training.

    Learning rates are read from GPU memory, so that they can change from one replay to the next. Optimizer state is
    part of a graph: loading optimizer state clears the cache.
    """

    def __init__(self, model: nn.Module, optimizer: Optimizer, *, device: torch.device) -> None:
        self._model = model
        self._optimizer = optimizer
        self._device = device
        self._lrs = torch.zeros(len(optimizer.param_groups), device=device)
        self._captured: dict[GraphKey, CapturedStep] = {}
        self.compile_seconds = 0.0

    def take(self, step: Step, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """Takes a step; returns its loss and logits, which the next step of the same key may overwrite."""
        groups = self._optimizer.param_groups
        key = GraphKey(
            images.shape,
            targets.shape,
            targets.dtype,
            zero_lr=tuple(has_zero_lr(group) for group in groups),
            has_gradients=tuple(any(parameter.requires_grad for parameter in group["params"]) for group in groups),
        )
        self._lrs.copy_(torch.tensor([group["lr"] for group in groups]), non_blocking=True)
        if key in self._captured and not self._captured[key].fits(self._optimizer):
            self._captured.clear()
        if key not in self._captured:
            self._captured[key] = self._capture(step, images, targets)
        return self._captured[key].replay(images, targets)

    def _capture(self, step: Step, images: Tensor, targets: Tensor) -> "CapturedStep":
        """Returns the step's graph. Nothing of the training changes, except that new optimizer state is zero."""
        self._wait()  # for earlier steps, whose time is training
        started = time.perf_counter()
        with tensor_lrs(self._optimizer, self._lrs):
            with undone(self._model, self._optimizer, device=self._device):
                step(images, targets)  # the optimizer makes its state, libraries choose and compile their kernels
            captured = CapturedStep(step, images, targets, optimizer=self._optimizer)
        self._wait()
        self.compile_seconds += time.perf_counter() - started
        return captured

    def _wait(self) -> None:
        if self._device.type == "cuda":
            torch.cuda.synchronize(self._device)


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
