"""Selects the training images of an epoch: the images whose last training loss was largest.

The training loop passes the losses of its steps, so that no extra forward pass is needed. Source: Loshchilov and
Hutter, arXiv:1511.06343, who sample by the rank of the last loss; here the images of the highest ranks are taken.
Jordan, arXiv:2404.00498, section 5, selects the hardest images of each batch with a second network instead.
"""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor


class HardExamples:
    """Holds the last loss of each of `size` images, and the selection of the current epoch.

    fractions: the fraction of the images in each epoch, in (0, 1]; the last fraction holds for all later epochs. An
    image without a loss counts as infinitely hard.
    """

    def __init__(self, size: int, *, fractions: Sequence[float], device: torch.device) -> None:
        self.fractions = tuple(fractions)
        self.losses = torch.full((size,), torch.inf, device=device)
        self.is_selected = torch.ones(size, dtype=torch.bool, device=device)

    def images_in(self, epoch: int) -> int:
        """Returns the number of images in an epoch (counted from 0), at least 1."""
        return max(1, round(self.fractions[min(epoch, len(self.fractions) - 1)] * len(self.losses)))

    def select(self, epoch: int) -> None:
        """Selects an epoch's images by their current losses; of equal losses, the images with the lower index."""
        hard_examples = self.losses.argsort(descending=True, stable=True)[: self.images_in(epoch)]
        self.is_selected = torch.zeros_like(self.is_selected).index_fill_(0, hard_examples, True)

    def update_losses(self, indices: Tensor, losses: Tensor) -> None:
        """Sets the losses (B,) of the images at `indices`, int64 (B,)."""
        self.losses[indices] = losses.float()

    def state_dict(self) -> dict[str, Any]:
        """Returns the losses and the selection, which the rest of this epoch and the next epochs depend on."""
        return {"losses": self.losses, "is_picked": self.is_selected}

    def load_state_dict(self, saved: dict[str, Any]) -> None:
        """Restores the losses and the selection on this device. Raises ValueError if the number of images differs."""
        for name, held in self.state_dict().items():
            if saved[name].shape != held.shape:
                raise ValueError(f"the images' {name} are not as many as there are images")
            held.copy_(saved[name])
