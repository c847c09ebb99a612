"""The figures of an evaluation against those of scikit-learn."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from sklearn.metrics import accuracy_score, confusion_matrix, log_loss, precision_recall_fscore_support
from torch import Tensor
from torchvision.transforms.v2.functional import hflip

from cifar_cli.data.datasets.open_dataset import Splits

Logits = Callable[[Mapping[str, Tensor], Tensor], Tensor]


def weights_of(checkpoint: Path) -> dict[str, Tensor]:
    return torch.load(checkpoint, weights_only=True)["model"]


@pytest.mark.parametrize("split", ["test", "val", "train"])
def test_every_figure_is_scikit_learns(
    split: str, run: Path, cifar: Callable[..., Any], small_splits: Splits, small_logits: Logits
) -> None:
    outcome = cifar("eval", run.name, "--json", "--split", split, "--weights", "last")
    images = {"train": small_splits.train, "val": small_splits.val, "test": small_splits.test}[split]
    assert images is not None
    weights = weights_of(run / "checkpoints" / "last.pt")
    # One image after the other, the plainest loop there is.
    logits = torch.cat([small_logits(weights, images.images[i : i + 1]) for i in range(len(images))])
    truth, guesses = images.labels.numpy(), logits.argmax(dim=1).numpy()

    measured = json.loads(outcome.out)
    assert measured["images"] == len(images) == (500 if split == "train" else 100)
    assert measured["accuracy"] == accuracy_score(truth, guesses)
    assert measured["loss"] == pytest.approx(log_loss(truth, logits.double().softmax(dim=1).numpy()), rel=1e-5)
    assert measured["confusion"] == confusion_matrix(truth, guesses, labels=range(10)).tolist()
    precision, recall, f1, counts = precision_recall_fscore_support(truth, guesses, labels=range(10), zero_division=0)
    for label, figures in enumerate(measured["per_class"]):
        assert figures == {
            "class": images.class_names[label],
            "images": counts[label],
            "accuracy": pytest.approx(recall[label]),
            "recall": pytest.approx(recall[label]),
            "precision": pytest.approx(precision[label]),
            "f1": pytest.approx(f1[label]),
        }


@pytest.mark.parametrize("batch_size", [1, 7, 100])
def test_the_batch_size_changes_no_result(batch_size: int, run: Path, cifar: Callable[..., Any]) -> None:
    usual = json.loads(cifar("eval", "--json").out)
    other = json.loads(cifar("eval", "--json", "--batch-size", batch_size).out)
    assert other["confusion"] == usual["confusion"]
    assert other["loss"] == pytest.approx(usual["loss"], rel=1e-5)


def test_a_run_can_be_measured_with_and_without_test_time_augmentation(
    run: Path, cifar: Callable[..., Any], small_splits: Splits, small_logits: Logits
) -> None:
    outcome = cifar("eval", run, "--weights", "last", "--json", "evaluation.tta=mirror")
    weights = weights_of(run / "checkpoints" / "last.pt")
    images = small_splits.test.images
    logits = (small_logits(weights, images) + small_logits(weights, hflip(images))) / 2
    truth, guesses = small_splits.test.labels.numpy(), logits.argmax(dim=1).numpy()
    measured, plain = json.loads(outcome.out), json.loads(cifar("eval", run, "--weights", "last", "--json").out)
    assert (measured["tta"], plain["tta"]) == ("mirror", "none")
    assert measured["accuracy"] == accuracy_score(truth, guesses)
    assert measured["loss"] == pytest.approx(log_loss(truth, logits.double().softmax(dim=1).numpy()), rel=1e-5)
    assert measured["confusion"] == confusion_matrix(truth, guesses, labels=range(10)).tolist()
    assert measured["plain"] == {key: plain[key] for key in ("loss", "cross_entropy", "accuracy")}
    assert "plain" not in plain

    first, second, *_ = cifar("eval", run, "--weights", "last", "evaluation.tta=mirror").out.splitlines()
    assert first == (
        f"accuracy {100 * measured['accuracy']:.2f} %   loss {measured['loss']:.4f}   with evaluation.tta mirror"
    )
    assert second == f"accuracy {100 * plain['accuracy']:.2f} %   loss {plain['loss']:.4f}   each image as it is"


def test_test_time_augmentation_may_be_limited_to_the_least_certain_images(
    run: Path, cifar: Callable[..., Any], small_splits: Splits, small_logits: Logits
) -> None:
    outcome = cifar("eval", run, "--weights", "last", "--json", "evaluation={tta: mirror, tta_fraction: 0.3}")
    assert outcome.code == 0, outcome.err
    weights = weights_of(run / "checkpoints" / "last.pt")
    images, truth = small_splits.test.images, small_splits.test.labels.numpy()
    logits, mirrored = small_logits(weights, images), small_logits(weights, hflip(images))
    least_certain = logits.softmax(dim=1).amax(dim=1).argsort()[:30]  # of 100
    logits[least_certain] = (logits[least_certain] + mirrored[least_certain]) / 2
    assert json.loads(outcome.out)["loss"] == pytest.approx(
        log_loss(truth, logits.double().softmax(dim=1).numpy()), rel=1e-5
    )
