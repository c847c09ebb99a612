"""Several optimisers, each over parameters of its own, that look like one. Knows no optimiser by name."""

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import Any

import torch


class MultiOptimizer(torch.optim.Optimizer):
    """Steps all of them at once. Its groups and its state are theirs, in torch's own form.

    So whatever works on an optimiser's groups (schedules, clipping, loss scalers) or its state_dict works on all.
    """

    def __init__(self, optimizers: Sequence[torch.optim.Optimizer]) -> None:
        self.optimizers = optimizers
        super().__init__([group for optimizer in optimizers for group in optimizer.param_groups], defaults={})
        self._share()

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Takes each optimiser's step. `closure` is not called: the gradients have to be there."""
        for optimizer in self.optimizers:
            optimizer.step()

    def __setstate__(self, state: dict[str, Any]) -> None:
        super().__setstate__(state)
        self._share()  # load_state_dict has put new groups and a new state in the place of the shared ones

    def _share(self) -> None:
        """Lets each optimiser work on its groups among these, and on this state, in which a parameter is found once."""
        assert isinstance(self.state, defaultdict)
        groups = iter(self.param_groups)
        for optimizer in self.optimizers:
            optimizer.param_groups = [next(groups) for _ in optimizer.param_groups]
            optimizer.state = self.state
