"""Captures the training steps on an NVIDIA GPU as CUDA graphs, and replays them by one call each.

A step launches hundreds of kernels. For a small network Python takes longer to launch a kernel than the GPU to compute
it; a graph is one launch and computes the same. A step is any function that always does the same with images of the
same shape, and never waits for the device.
Source: Ng et al., "Accelerating PyTorch with CUDA Graphs", 2021, and torch's notes on CUDA semantics.
"""

from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from cifar_cli.optim.build_optimizer import has_zero_lr

Step = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""Takes images (B, C, H, W) and labels (B,), updates the weights, returns loss () and logits (B, K), both detached."""

Kind = tuple[torch.Size, tuple[bool, ...]]
"""What one graph is captured for: the images' shape, and which parameter groups have a learning rate of zero."""

STEPS_BEFORE = 1  # run eagerly: the optimizer makes its buffers, libraries choose and compile their kernels


def can_capture(device: torch.device, precision: str) -> bool:
    """Returns whether steps can be captured; in fp16 each step asks the GPU if its gradients are finite."""
    return device.type == "cuda" and precision != "fp16"


class GraphCache:
    """The captured steps of one training. The first step of each kind runs eagerly; later ones replay its graph.

    Learning rates are read from GPU memory, in eager steps too, so that they can change from one replay to the next.
    Optimizer state is part of a graph: loading optimizer state clears the cache.
    """

    def __init__(self, optimizer: Optimizer, *, device: torch.device) -> None:
        self._optimizer = optimizer
        self._rates = torch.zeros(len(optimizer.param_groups), device=device)
        self._steps_before: Counter[Kind] = Counter()
        self._recordings: dict[Kind, CapturedStep] = {}

    def take(self, step: Step, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Takes a step; returns its loss and logits, which the next step of the same kind may overwrite."""
        groups = self._optimizer.param_groups
        kind = (images.shape, tuple(has_zero_lr(group) for group in groups))
        self._rates.copy_(torch.tensor([group["lr"] for group in groups]), non_blocking=True)
        recording = self._recordings.get(kind)
        if recording is not None and not recording.fits(self._optimizer):
            self._forget()
            recording = None
        if recording is None:
            with rates_from(self._rates, self._optimizer):
                if self._steps_before[kind] < STEPS_BEFORE:
                    self._steps_before[kind] += 1
                    return step(images, labels)
                recording = self._recordings[kind] = CapturedStep(step, images, labels, optimizer=self._optimizer)
        return recording.replay(images, labels)

    def _forget(self) -> None:
        self._recordings.clear()
        self._steps_before.clear()


class CapturedStep:
    """The graph of one kind of step. Capturing takes no step."""

    def __init__(self, step: Step, images: Tensor, labels: Tensor, *, optimizer: Optimizer) -> None:
        self._images, self._labels = images.clone(), labels.clone()  # the addresses that the graph reads
        self._kept = _kept_by(optimizer)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss, self._logits = step(self._images, self._labels)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self._gradients = [(parameter, parameter.grad) for parameter in parameters]

    def fits(self, optimizer: Optimizer) -> bool:
        """Returns whether the optimizer's state is still the same tensors as when the step was captured."""
        now = _kept_by(optimizer)
        return len(now) == len(self._kept) and all(a is b for a, b in zip(now, self._kept, strict=True))

    def replay(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Takes the step with these images and labels, of the same shapes."""
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()
        for parameter, gradient in self._gradients:  # another graph has other gradients
            parameter.grad = gradient
        return self._loss, self._logits


@contextmanager
def rates_from(rates: Tensor, optimizer: Optimizer) -> Iterator[None]:
    """Within it, the optimizer reads its groups' learning rates, except zeros, from `rates` on the GPU.

    A Python number would become a constant of the graph. torch's Adam is captured only if `capturable` is set.
    """
    groups = optimizer.param_groups
    before: list[dict[str, Any]] = [
        {key: group[key] for key in ("lr", "capturable") if key in group} for group in groups
    ]
    for group, rate in zip(groups, rates.unbind(), strict=True):
        if not has_zero_lr(group):
            group["lr"] = rate
        if "capturable" in group:
            group["capturable"] = True
    try:
        yield
    finally:
        for group, values in zip(groups, before, strict=True):
            group.update(values)


def _kept_by(optimizer: Optimizer) -> list[Tensor]:
    """Returns the tensors of the optimizer's state, always in the same order."""
    return [kept for state in optimizer.state.values() for kept in state.values() if isinstance(kept, Tensor)]
