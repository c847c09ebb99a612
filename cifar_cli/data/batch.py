"""A batch of images with targets."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True, eq=False)  # tensors have no single answer to ==
class Batch:
    """The input of augmentations and of a training step.

    images: uint8 (B, C, H, W) before normalization, float32 after it. targets: int64 (B,), or float (B, K) with the
    probability of each class. indices: int64 (B,), the images' indices in the set. epoch: the current epoch, from 0.
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
        """Returns the batch with its tensors on `device`."""
        return replace(
            self,
            images=self.images.to(device),
            targets=self.targets.to(device),
            indices=self.indices.to(device),
        )
