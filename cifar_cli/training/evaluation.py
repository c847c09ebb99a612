"""Measures a network on labelled images. Knows nothing of optimisers or files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cifar_cli.models.modes import evaluating
from cifar_cli.training.losses import Loss
from cifar_cli.training.runtime import Runtime


@dataclass(frozen=True)
class Evaluation:
    """What a network made of a set of images.

    loss: mean per image; accuracy in [0, 1]; confusion: int64 (K, K), rows the true classes, columns the predicted.
    """

    loss: float
    accuracy: float
    images: int
    confusion: Tensor


def evaluate(
    model: nn.Module,
    *,
    loader: Iterable[tuple[Tensor, Tensor]],
    loss: Loss,
    prepare: Callable[[Tensor], Tensor],
    runtime: Runtime,
    num_classes: int,
) -> Evaluation:
    """Returns loss, accuracy and confusion over every image the loader gives, each counted once.

    The loader gives uint8 images (B, C, H, W) and labels (B,); `prepare` turns images into what the network takes. The
    network is in eval mode meanwhile, and afterwards in the mode it was in.
    """
    loss_sum = torch.zeros((), device=runtime.device)
    # A histogram over true * K + predicted, so that counting takes no Python per image.
    counts = torch.zeros(num_classes * num_classes, dtype=torch.int64, device=runtime.device)
    with evaluating(model), torch.inference_mode():
        for images, labels in loader:
            images, labels = images.to(runtime.device), labels.to(runtime.device)
            with runtime.autocast():
                logits = model(prepare(images))
            loss_sum += loss(logits.float(), labels, reduction="sum")
            cells = labels * num_classes + logits.argmax(dim=1)
            counts.index_add_(0, cells, torch.ones_like(cells))  # bincount would wait for the device each time
    confusion = counts.view(num_classes, num_classes).cpu()
    images_seen = int(confusion.sum())
    return Evaluation(
        loss=loss_sum.item() / images_seen,
        accuracy=int(confusion.trace()) / images_seen,
        images=images_seen,
        confusion=confusion,
    )
