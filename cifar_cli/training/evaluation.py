"""Evaluates a network on labelled images: loss, accuracy, confusion matrix."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli.data.batch import Batch
from cifar_cli.models.eval_mode import eval_mode
from cifar_cli.optim.losses import Loss
from cifar_cli.training.runtime import Runtime
from cifar_cli.training.tta import TestTimeAugmentation, least_confident

Batches = Iterable[Batch]


@dataclass(frozen=True)
class Evaluation:
    """A network's results on a set of images.

    loss: of the training's loss function, its mean over the images; cross_entropy: without label smoothing, weights or
    anything else of that function; accuracy in [0, 1]; confusion: int64 (K, K), rows the true classes, columns the
    predicted; logits: float32 (N, K), in the order of the images; without_tta: the results on the unchanged images,
    None if these are the results.
    """

    loss: float
    cross_entropy: float
    accuracy: float
    images: int
    confusion: Tensor
    logits: Tensor
    without_tta: "Evaluation | None" = None


def evaluate(
    model: nn.Module,
    *,
    loader: Batches,
    loss: Loss,
    preprocess: Callable[[Tensor], Tensor],
    runtime: Runtime,
    num_classes: int,
    tta: TestTimeAugmentation | None = None,
    tta_fraction: float = 1.0,
) -> Evaluation:
    """Returns the network's results over all images of the loader, each counted once.

    loader: yields uint8 images (B, C, H, W) and labels (B,), in the same order each time; preprocess: turns the images
    into the network's input. The network is in eval mode meanwhile, and afterwards in its mode from before. With `tta`,
    test-time augmentation replaces the logits of that fraction of the images that the network is least confident of.
    """

    def network(images: Tensor) -> Tensor:
        with runtime.autocast():
            logits: Tensor = model(images)
        return logits.float()

    with eval_mode(model), torch.inference_mode():
        outputs = [(network(preprocess(batch.images.to(runtime.device))), batch.labels) for batch in loader]
        logits = torch.cat([batch_logits for batch_logits, _ in outputs])  # (N, K)
        labels = torch.cat([batch_labels for _, batch_labels in outputs]).to(runtime.device)  # (N,)
        without_tta = _score(logits, labels, loss=loss, num_classes=num_classes)
        if tta is None:
            return without_tta
        logits = logits.clone()  # without_tta keeps its own
        chosen = least_confident(logits, tta_fraction).nonzero().flatten()
        chosen_images = torch.cat([batch.images for batch in loader]).to(runtime.device)[chosen]  # uint8
        batch_size = len(outputs[0][0])
        for indices, images in zip(chosen.split(batch_size), chosen_images.split(batch_size), strict=True):
            logits[indices] = tta(network, preprocess(images), logits[indices])
        return replace(_score(logits, labels, loss=loss, num_classes=num_classes), without_tta=without_tta)


def _score(logits: Tensor, labels: Tensor, *, loss: Loss, num_classes: int) -> Evaluation:
    """Returns the results of logits (N, K) against labels (N,)."""
    cells = labels * num_classes + logits.argmax(dim=1)  # indices into the flat confusion matrix
    confusion = torch.bincount(cells.cpu(), minlength=num_classes**2).view(num_classes, num_classes)
    return Evaluation(
        loss=loss(logits, labels, reduction="sum").item() / float(loss.total_weight(labels)),
        cross_entropy=F.cross_entropy(logits, labels, reduction="sum").item() / len(labels),
        accuracy=int(confusion.trace()) / len(labels),
        images=len(labels),
        confusion=confusion,
        logits=logits,
    )
