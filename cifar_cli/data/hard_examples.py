"""Picks the images that are worth a step: those with the largest loss when they were last trained on.

Knows nothing of networks: whoever trains tells the losses. They are as old as an image's last step, which costs no pass
over the images that would not be taken anyway. Source: Loshchilov and Hutter, arXiv:1511.06343, who draw the more often
what stands higher in the order of last losses; here the top of it is taken. Jordan, arXiv:2404.00498, section 5, has a
second network look for the hardest of each batch instead.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class HardExamples:
    """Remembers the last loss of each of `size` images, and which of them the epoch in progress goes through.

    fractions: which part of the images an epoch takes, in (0, 1], one for each epoch, the last for all after it. An
    image without a loss yet counts as the hardest of all.
    """

    def __init__(self, size: int, *, fractions: Sequence[float], device: torch.device) -> None:
        self.fractions = tuple(fractions)
        self.losses = torch.full((size,), torch.inf, device=device)
        self.is_selected = torch.ones(size, dtype=torch.bool, device=device)

    def images_in(self, epoch: int) -> int:
        """Returns how many images an epoch (counted from 0) takes, one at least."""
        return max(1, round(self.fractions[min(epoch, len(self.fractions) - 1)] * len(self.losses)))

    def select(self, epoch: int) -> None:
        """Picks an epoch's images by the losses as they are now; of equal ones those that come first in the set."""
        hard_examples = self.losses.argsort(descending=True, stable=True)[: self.images_in(epoch)]
        self.is_selected = torch.zeros_like(self.is_selected).index_fill_(0, hard_examples, True)

    def update_losses(self, indices: Tensor, losses: Tensor) -> None:
        """Takes the losses (B,) of the images at `indices`, int64 (B,)."""
        self.losses[indices] = losses.float()

    def state_dict(self) -> dict[str, Any]:
        """Returns what the next epochs depend on, and the rest of this one."""
        return {"losses": self.losses, "is_picked": self.is_selected}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Puts the losses and the choice back, on this device. Raises ValueError where they are of another set."""
        for name, held in self.state_dict().items():
            if saved[name].shape != held.shape:
                raise ValueError(f"the images' {name} are not as many as there are images")
            held.copy_(saved[name])
