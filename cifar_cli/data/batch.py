"""A batch on its way from the image set to the network."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """What a training step gets, and what augmentations change.

    images: uint8 (B, C, H, W) until they are normalized, then float32, maybe of another size. targets: int64 (B,), or
    float (B, K), the probability of each class. indices: int64 (B,), which images of the set these are. epoch: the
    epoch in progress, from 0.
    """

    images: Tensor
    targets: Tensor
    indices: Tensor
    epoch: int = 0

    def __len__(self) -> int:
        return len(self.targets)

    @property
    def labels(self) -> Tensor:
        """The most probable class of each target, int64 (B,)."""
        return self.targets if self.targets.dim() == 1 else self.targets.argmax(dim=1)

    def to(self, device: torch.device) -> "Batch":
        """Returns the same batch with its tensors on `device`."""
        return replace(
            self,
            images=self.images.to(device),
            targets=self.targets.to(device),
            indices=self.indices.to(device),
        )
