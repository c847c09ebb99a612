"""The loss that training and evaluation share, with the weights that the training images give."""

from dataclasses import replace

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cifar_cli.builders.run_evaluation import build_loss, describe_loss, run_evaluation
from cifar_cli.config import Experiment, load_text
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.image_set import ImageSet
from cifar_cli.optim.losses import CrossEntropy, Focal
from cifar_cli.training.runtime import CPU

COUNTS = [8, 2, 6]  # training images of the classes


def images(counts: list[int]) -> ImageSet:
    labels = torch.arange(len(counts)).repeat_interleave(torch.tensor(counts))
    pixels = torch.randint(256, (len(labels), 3, 2, 2), generator=torch.Generator().manual_seed(0)).byte()
    return ImageSet("few", pixels, labels, ("a", "b", "c"))


def splits() -> Splits:
    # Other shares in the test set: its images must not be counted.
    return Splits(images(COUNTS), None, images([1, 5, 3]), (0.5,) * 3, (0.25,) * 3, root=None)


def experiment(loss: str) -> Experiment:
    return load_text(f"data: {{name: synthetic}}\nmodel: {{name: mlp}}\nloss: {loss}\n", location="a test")


def test_balanced_weights_are_counted_on_the_training_images() -> None:
    loss = build_loss(experiment("{name: focal, gamma: 1.5, class_weights: balanced}"), splits(), CPU)
    assert isinstance(loss, Focal)
    assert loss.gamma == 1.5
    assert loss.class_weights is not None
    assert loss.class_weights.tolist() == pytest.approx([16 / 24, 16 / 6, 16 / 18])


def test_a_list_is_taken_as_it_is() -> None:
    loss = build_loss(experiment("{class_weights: [1, 2, 3, 4, 5, 6, 7, 8, 9, 10]}"), splits(), CPU)
    assert isinstance(loss, CrossEntropy)
    assert loss.class_weights is not None
    assert loss.class_weights.tolist() == list(range(1, 11))


def test_the_loss_of_an_evaluation_is_torchs_weighted_mean_over_all_images() -> None:
    torch.manual_seed(0)
    model, split = nn.Sequential(nn.Flatten(), nn.Linear(12, 3)), splits()
    weighted = experiment("{class_weights: balanced}")
    normalized = (split.test.images.float() / 255 - 0.5) / 0.25
    expected = F.cross_entropy(
        model(normalized), split.test.labels, weight=torch.tensor([16 / 24, 16 / 6, 16 / 18])
    ).item()
    for batch_size in (4, 9):
        found = run_evaluation(weighted, model, split.test, splits=split, runtime=CPU, batch_size=batch_size)
        assert found.loss == pytest.approx(expected, rel=1e-6)
        assert found.cross_entropy != pytest.approx(expected, rel=1e-2)


def test_a_loss_is_described_with_the_keys_that_are_set() -> None:
    assert describe_loss(experiment("{}")) == "cross_entropy, label_smoothing 0.0"
    weighted = experiment("{name: focal, class_weights: balanced}")
    assert describe_loss(weighted) == "focal, label_smoothing 0.0, class_weights balanced, gamma 2.0"


def test_the_training_images_of_an_evaluation_are_those_of_the_run() -> None:
    """A class without training images has no weight, and its test images do not count in the loss."""
    split = replace(splits(), train=images([8, 0, 8]))
    loss = build_loss(experiment("{class_weights: balanced}"), split, CPU)
    assert isinstance(loss, CrossEntropy)
    assert loss.class_weights is not None
    assert loss.class_weights.tolist() == pytest.approx([16 / 24, 0, 16 / 24])
