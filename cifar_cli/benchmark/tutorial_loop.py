"""The loop of the PyTorch tutorials, unchanged: a reference to time trainings against.

The loop loads single images with PIL and torchvision's transforms, in fp32 and torch's default memory format, and calls
`.item()` at every step. The loop is slow on purpose: many first trainings look like this.
"""

from collections.abc import Callable, Iterable
from itertools import islice

import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import Dataset

from cifar_cli.benchmark.tutorial_transforms import Transform


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """Returns single images, with the same operations in the same order as `torchvision.datasets.CIFAR10`.

    images: uint8 (N, C, H, W); labels: int64 (N,).
    """

    def __init__(self, images: Tensor, labels: Tensor, transform: Transform) -> None:
        self.data = images.permute(0, 2, 3, 1).contiguous().cpu().numpy()  # (N, H, W, C), as in PIL
        self.targets: list[int] = labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = self.data[index]
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        return self.transform(image), self.targets[index]


def tutorial_loop(
    dataloader: Iterable[tuple[Tensor, Tensor]],
    *,
    model: nn.Module,
    loss_fn: Callable[[Tensor, Tensor], Tensor],
    optimizer: torch.optim.Optimizer,
    scheduler: LRScheduler,
    device: torch.device,
    steps: int,
) -> list[float]:
    """Trains for `steps` steps, and returns the loss of each."""
    losses = []
    model.train()
    for images, targets in islice(dataloader, steps):
        images = images.to(device)
        targets = targets.to(device)

        outputs = model(images)
        loss = loss_fn(outputs, targets)

        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        scheduler.step()

        losses.append(loss.item())
    return losses
