"""Several optimizers over disjoint parameters, as one torch optimizer."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch

from cifar_cli.optim.eager_optimizers import EagerOptimizer


class MultiOptimizer(EagerOptimizer):
    """Steps all optimizers. Its parameter groups and its state are those of all optimizers.

    So code that works on an optimizer's groups (schedules, clipping, loss scalers) or state_dict works on all.
    """

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self.optimizers = optimizers
        super().__init__([group for optimizer in optimizers for group in optimizer.param_groups], defaults={})
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Takes each optimizer's step. The gradients must be computed already: `closure` is not called."""
        for optimizer in self.optimizers:
            optimizer.step()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._share()  # load_state_dict has replaced the groups and the state

    def _share(self) -> None:
        """Gives each optimizer its own among the groups, and the state of all parameters."""
        assert isinstance(self.state, defaultdict)
        groups = iter(self.param_groups)
        for optimizer in self.optimizers:
            optimizer.param_groups = [next(groups) for _ in optimizer.param_groups]
            optimizer.state = self.state
