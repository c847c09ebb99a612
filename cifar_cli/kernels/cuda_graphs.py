"""Records the steps of a training on an NVIDIA GPU, and has the GPU repeat them at one call each.

A step is some hundred kernels, and for a small network Python takes longer to call each than the GPU to compute it. A
recorded step, a CUDA graph, is one call; it computes the same. Knows nothing of networks: a step is any function that
always does the same with images of the same shape, and never waits for the device.
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
"""Takes images (B, C, H, W) and labels (B,), changes weights, gives loss () and logits (B, K) without their graph."""

Kind = tuple[torch.Size, tuple[bool, ...]]
"""What a recording is for: the images' shape, and which of the optimiser's groups stand still."""

STEPS_BEFORE = 1  # not recorded: the optimiser makes its buffers, libraries choose and compile their kernels


def can_capture(device: torch.device, precision: str) -> bool:
    """Returns whether steps can be recorded; in fp16 each asks the GPU whether its gradients are finite."""
    return device.type == "cuda" and precision != "fp16"


class GraphCache:
    """The steps of one training. From the second of a kind on, a step is repeated from its recording.

    Learning rates are read from the GPU's memory, in the steps before too, so that they change from one repetition to
    the next. What the optimiser keeps is part of a recording: where that has been put back from a checkpoint, all
    begins anew.
    """

    def __init__(self, optimizer: Optimizer, *, device: torch.device) -> None:
        self._optimizer = optimizer
        self._rates = torch.zeros(len(optimizer.param_groups), device=device)
        self._steps_before: Counter[Kind] = Counter()
        self._recordings: dict[Kind, CapturedStep] = {}

    def take(self, step: Step, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Takes a step, and returns its loss and logits, which the next step of the same kind may overwrite."""
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
    """One kind of step, recorded and not yet taken."""

    def __init__(self, step: Step, images: Tensor, labels: Tensor, *, optimizer: Optimizer) -> None:
        self._images, self._labels = images.clone(), labels.clone()  # where the GPU looks for them at each repetition
        self._kept = _kept_by(optimizer)
        self._graph = torch.cuda.CUDAGraph()
        with torch.cuda.graph(self._graph):
            self._loss, self._logits = step(self._images, self._labels)
        parameters = [parameter for group in optimizer.param_groups for parameter in group["params"]]
        self._gradients = [(parameter, parameter.grad) for parameter in parameters]

    def fits(self, optimizer: Optimizer) -> bool:
        """Returns whether the optimiser still keeps what it kept, in the same memory."""
        now = _kept_by(optimizer)
        return len(now) == len(self._kept) and all(a is b for a, b in zip(now, self._kept, strict=True))

    def replay(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        """Takes the step with these images and labels, of the same shapes."""
        self._images.copy_(images)
        self._labels.copy_(labels)
        self._graph.replay()
        for parameter, gradient in self._gradients:  # those of another recording lie elsewhere
            parameter.grad = gradient
        return self._loss, self._logits


@contextmanager
def rates_from(rates: Tensor, optimizer: Optimizer) -> Iterator[None]:
    """Within it, the optimiser reads its groups' learning rates, but for those of 0, from `rates` on the GPU.

    A number would be recorded as it is. `capturable` is torch's word for Adam's leave to be recorded.
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
    """Returns the tensors that the optimiser keeps from step to step, always in the same order."""
    return [kept for state in optimizer.state.values() for kept in state.values() if isinstance(kept, Tensor)]
