"""The loop of the PyTorch tutorials, as they write it: the yardstick that trainings are measured against.

One image at a time through PIL and torchvision's transforms, collated into batches, fp32, torch's default memory
format, `.item()` at every step. Slow, and meant to be: most people begin with exactly this. Knows nothing of our loop.
"""

from collections.abc import Callable, Iterable, Sequence
from itertools import islice

import torch
from PIL import Image
from torch import Tensor, nn
from torch.optim.lr_scheduler import LRScheduler
from torch.utils.data import Dataset

Transform = Callable[[Image.Image], Tensor]


class PictureDataset(Dataset[tuple[Tensor, int]]):
    """Answers for one image at a time, with the same work in the same order as `torchvision.datasets.CIFAR10`.

    images: uint8 (N, C, H, W); labels: int64 (N,).
    """

    def __init__(self, images: Tensor, labels: Tensor, transform: Transform) -> None:
        self.data = images.permute(0, 2, 3, 1).contiguous().cpu().numpy()  # (N, H, W, C), as PIL has it
        self.targets: list[int] = labels.tolist()
        self.transform = transform

    def __len__(self) -> int:
        return len(self.targets)

    def __getitem__(self, index: int) -> tuple[Tensor, int]:
        pixels = self.data[index]
        image = Image.fromarray(pixels[..., 0] if pixels.shape[-1] == 1 else pixels)
        return self.transform(image), self.targets[index]


def tutorial_transform(
    *,
    size: int,
    flip: bool = False,
    translate: int = 0,
    cutout: int = 0,
    normalize: tuple[Sequence[float], Sequence[float]] | None = None,
) -> Transform:
    """Returns torchvision's transforms for one image of `size` × `size` pixels; the least is ToTensor alone.

    normalize: mean and deviation per channel, pixels in [0, 1]. torchvision's eraser has no square that lies partly
    outside the image; it paints one of the same size within it.
    """
    from torchvision import transforms  # type: ignore[import-untyped]  # a second or more, for this function alone

    steps: list[Callable[..., object]] = []
    if translate:
        steps.append(transforms.RandomCrop(size, padding=translate, padding_mode="reflect"))
    if flip:
        steps.append(transforms.RandomHorizontalFlip())
    steps.append(transforms.ToTensor())
    if normalize is not None:
        steps.append(transforms.Normalize(*normalize))
    if cutout:
        share = (cutout / size) ** 2
        steps.append(transforms.RandomErasing(p=1.0, scale=(share, share), ratio=(1.0, 1.0)))
    composed: Transform = transforms.Compose(steps)
    return composed


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
    """Trains for so many steps and returns the loss of each."""
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
