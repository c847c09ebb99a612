"""Evaluation held against scikit-learn on random logits."""

from collections.abc import Iterator

import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss
from torch import Tensor, nn

from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.loader import BatchLoader
from cifar_cli.optim.losses import CrossEntropy
from cifar_cli.training.evaluation import Evaluation, evaluate
from cifar_cli.training.runtime import Runtime

N, K = 250, 7
CPU = Runtime(torch.device("cpu"), "fp32")


def numbered_images() -> ImageSet:
    """Returns images of one pixel, whose value is the image's index."""
    return ImageSet(
        name="numbers",
        images=torch.arange(N, dtype=torch.uint8).view(N, 1, 1, 1),
        labels=torch.randint(K, (N,), generator=torch.Generator().manual_seed(1)),
        class_names=tuple("abcdefg"),
    )


class LookUp(nn.Module):
    """Returns for each image the row of logits that its pixel is the index of."""

    def __init__(self) -> None:
        super().__init__()
        self.logits = nn.Parameter(3 * torch.randn(N, K, generator=torch.Generator().manual_seed(2)))

    def forward(self, numbers: Tensor) -> Tensor:
        return self.logits[numbers]


def run(model: nn.Module, images: ImageSet, *, batch_size: int, label_smoothing: float = 0.0) -> Evaluation:
    return evaluate(
        model,
        loader=BatchLoader(images, batch_size=batch_size),
        loss=CrossEntropy(label_smoothing=label_smoothing),
        preprocess=lambda batch: batch.flatten().long(),
        runtime=CPU,
        num_classes=K,
    )


@pytest.mark.parametrize("batch_size", [N, 64, 249, 1])
def test_loss_accuracy_and_confusion_are_scikit_learns_whatever_the_batch_size(batch_size: int) -> None:
    # 64 and 249 leave a smaller last batch, which finds a mean of batch means and a dropped batch.
    model, images = LookUp(), numbered_images()
    result = run(model, images, batch_size=batch_size)
    probabilities = model.logits.detach().double().softmax(dim=1).numpy()
    predicted = probabilities.argmax(axis=1)
    assert result.images == N
    assert result.accuracy == accuracy_score(images.labels, predicted)
    assert result.loss == pytest.approx(log_loss(images.labels, probabilities, labels=range(K)), rel=1e-5)
    assert result.confusion.tolist() == confusion_matrix(images.labels, predicted, labels=range(K)).tolist()
    assert result.confusion.dtype == torch.int64


def test_the_plain_cross_entropy_stands_beside_a_loss_with_label_smoothing() -> None:
    model, images = LookUp(), numbered_images()
    plain = run(model, images, batch_size=64)
    smoothed = run(model, images, batch_size=64, label_smoothing=0.3)
    log_probabilities = model.logits.detach().double().log_softmax(dim=1)
    of_labels = -log_probabilities[range(N), images.labels].mean().item()
    of_all_classes = -log_probabilities.mean().item()
    assert plain.loss == plain.cross_entropy == pytest.approx(of_labels, rel=1e-5)
    assert smoothed.cross_entropy == pytest.approx(of_labels, rel=1e-5)
    assert smoothed.loss == pytest.approx(0.7 * of_labels + 0.3 * of_all_classes, rel=1e-5)


def test_a_class_without_images_and_predictions_is_a_row_and_a_column_of_zeros() -> None:
    model, images = LookUp(), numbered_images()
    with torch.no_grad():
        model.logits[:, 6] = -100
    result = run(model, images.subset((images.labels != 6).nonzero().flatten()), batch_size=64)
    assert result.confusion.shape == (K, K)
    assert result.confusion[6].sum() == result.confusion[:, 6].sum() == 0


class Modes(nn.Module):
    """Records the modes of its parts when it is called."""

    def __init__(self) -> None:
        super().__init__()
        self.frozen = nn.BatchNorm1d(K).eval()
        self.free = nn.BatchNorm1d(K)
        self.seen: set[tuple[bool, bool, bool]] = set()

    def forward(self, numbers: Tensor) -> Tensor:
        self.seen.add((self.training, self.frozen.training, self.free.training))
        assert not torch.is_grad_enabled()
        return torch.zeros(len(numbers), K)


def test_the_network_is_in_eval_mode_without_gradients_and_then_each_part_in_its_mode_from_before() -> None:
    model = Modes()
    run(model, numbered_images(), batch_size=100)
    assert model.seen == {(False, False, False)}
    assert (model.training, model.frozen.training, model.free.training) == (True, False, True)
    assert torch.is_grad_enabled()


def test_a_failed_evaluation_restores_the_modes() -> None:
    def broken() -> Iterator[tuple[Tensor, Tensor]]:
        raise RuntimeError("broken loader")
        yield

    model = Modes()
    with pytest.raises(RuntimeError, match="broken loader"):
        evaluate(
            model, loader=broken(), loss=CrossEntropy(), preprocess=lambda images: images, runtime=CPU, num_classes=K
        )
    assert (model.training, model.frozen.training, model.free.training) == (True, False, True)
