"""Measures a network on labelled images. Knows nothing of optimisers or files."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from cifar_cli.data.batch import Batch
from cifar_cli.models.eval_mode import eval_mode
from cifar_cli.optim.losses import Loss
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.tta import TestTimeAugmentation, least_confident

Batches = Iterable[Batch]


@dataclass(frozen=True)
class Evaluation:
    """What a network made of a set of images.

    loss: mean per image; accuracy in [0, 1]; confusion: int64 (K, K), rows the true classes, columns the predicted;
    logits: float32 (N, K), in the order of the images;
    plain: what it made of the images as they are, where it was also shown other tta of them.
    """

    loss: float
    accuracy: float
    images: int
    confusion: Tensor
    logits: Tensor
    plain: "Evaluation | None" = None


def evaluate(
    model: nn.Module,
    *,
    loader: Batches,
    loss: Loss,
    prepare: Callable[[Tensor], Tensor],
    runtime: Runtime,
    num_classes: int,
    tta: TestTimeAugmentation | None = None,
    tta_fraction: float = 1.0,
) -> Evaluation:
    """Returns loss, accuracy and confusion over every image the loader gives, each counted once.

    The loader gives uint8 images (B, C, H, W) and labels (B,), in the same order each time; `prepare` turns images into
    what the network takes. The network is in eval mode meanwhile, and afterwards in the mode it was in. Where there are
    `tta`, they decide for the share of the images that the network is least sure of.
    """

    def network(images: Tensor) -> Tensor:
        with runtime.autocast():
            logits: Tensor = model(images)
        return logits.float()

    with eval_mode(model), torch.inference_mode():
        answers = [(network(prepare(batch.images.to(runtime.device))), batch.labels) for batch in loader]
        logits = torch.cat([batch_logits for batch_logits, _ in answers])  # (N, K)
        labels = torch.cat([batch_labels for _, batch_labels in answers]).to(runtime.device)  # (N,)
        plain = _score(logits, labels, loss=loss, num_classes=num_classes)
        if tta is None:
            return plain
        logits = logits.clone()  # those of the images as they are stay what they were
        unsure = least_confident(logits, tta_fraction).nonzero().flatten()
        shown = torch.cat([batch.images for batch in loader]).to(runtime.device)[unsure]  # uint8
        size = len(answers[0][0])  # of a batch
        for places, images in zip(unsure.split(size), shown.split(size), strict=True):
            logits[places] = tta(network, prepare(images), logits[places])
        return replace(_score(logits, labels, loss=loss, num_classes=num_classes), plain=plain)


def _score(logits: Tensor, labels: Tensor, *, loss: Loss, num_classes: int) -> Evaluation:
    """Returns what logits (N, K) are worth where the labels (N,) are right."""
    cells = labels * num_classes + logits.argmax(dim=1)  # of the confusion matrix, row by row
    confusion = torch.bincount(cells.cpu(), minlength=num_classes**2).view(num_classes, num_classes)
    return Evaluation(
        loss=loss(logits, labels, reduction="sum").item() / len(labels),
        accuracy=int(confusion.trace()) / len(labels),
        images=len(labels),
        confusion=confusion,
        logits=logits,
    )
