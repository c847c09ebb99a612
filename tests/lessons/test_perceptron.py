"""Lesson `mlp`: both networks compute the same from the same start, and the choice of images."""

from pathlib import Path

import pytest
import torch
import torch.nn.functional as F
from torch import nn

from cifar_cli.data.datasets.open_dataset import DATASETS, Splits
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.lessons import perceptron


@pytest.fixture(scope="module")
def splits() -> Splits:
    train, test = synthetic_sets(train_size=700, test_size=200)
    return Splits(train, None, test, DATASETS["synthetic"].mean, DATASETS["synthetic"].std, None)


def test_from_scratch_and_concise_give_the_same_numbers_from_the_same_start(splits: Splits) -> None:
    network = perceptron.make_network(3072, 10)
    parameters = perceptron.same_start(network)
    scratch = perceptron.train_from_scratch(splits, parameters)
    concise = perceptron.train_concise(splits, network)
    assert len(scratch) == 5
    for one, other in zip(scratch, concise, strict=True):
        assert one.loss == pytest.approx(other.loss, rel=1e-3)
        assert one.train_accuracy == pytest.approx(other.train_accuracy, abs=0.01)
        assert one.test_accuracy == pytest.approx(other.test_accuracy, abs=0.02)
    assert scratch[-1].loss < scratch[0].loss
    torch.testing.assert_close(parameters[0].detach(), network[0].weight.detach().T, rtol=1e-2, atol=1e-4)


def test_one_step_from_scratch_is_one_step_of_torchs_sgd() -> None:
    network = perceptron.make_network(12, 10).double()
    parameters = perceptron.same_start(network)
    x, labels = torch.randn(7, 12, dtype=torch.float64), torch.arange(7)
    torch.testing.assert_close(perceptron.perceptron(x, parameters), network(x))
    F.cross_entropy(perceptron.perceptron(x, parameters), labels).backward()
    perceptron.sgd(parameters, lr=0.1)
    optimizer = torch.optim.SGD(network.parameters(), lr=0.1)
    F.cross_entropy(network(x), labels).backward()
    optimizer.step()
    for by_hand, by_torch in zip(parameters, network.parameters(), strict=True):
        expected = by_torch.detach()
        torch.testing.assert_close(by_hand.detach(), expected.T if expected.dim() == 2 else expected)
        assert not by_hand.grad.any()


def test_the_sizes_are_the_tutorials() -> None:
    assert (perceptron.HIDDEN, perceptron.BATCH_SIZE, perceptron.EPOCHS) == (256, 256, 5)
    for inputs in (784, 3072):  # Fashion-MNIST and CIFAR-10
        network = perceptron.make_network(inputs, 10)
        assert [tuple(p.shape) for p in perceptron.same_start(network)] == [(inputs, 256), (256,), (256, 10), (10,)]
        assert network[0].weight.std().item() == pytest.approx(0.01, rel=0.01)


def test_accuracy_counts_every_image(splits: Splits) -> None:
    normalize = perceptron.Normalize(splits.mean, splits.std)
    always_three = nn.functional.one_hot(torch.tensor(3), 10).float()
    share = (splits.test.labels == 3).float().mean().item()
    assert perceptron.accuracy(lambda x: always_three.expand(len(x), 10), splits.test, normalize) == pytest.approx(
        share
    )


def test_with_the_tutorials_lr_undivided_the_loss_explodes_and_divided_it_does_not(splits: Splits) -> None:
    network = perceptron.make_network(3072, 10)
    undivided = perceptron.first_losses(splits, perceptron.same_start(network), lr=100.0, steps=3)
    assert undivided[0] == pytest.approx(2.3, abs=0.02)
    assert undivided[-1] > 1000
    assert perceptron.TUTORIAL_LR / perceptron.BATCH_SIZE == 0.390625
    divided = perceptron.first_losses(splits, perceptron.same_start(network), lr=perceptron.LR, steps=3)
    assert max(divided) < 2.5


def test_the_images_are_fashion_mnist_then_cifar10_then_synthetic(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, splits: Splits
) -> None:
    asked = []

    def open_dataset(name: str, *, download: bool = True) -> Splits:
        asked.append((name, download))
        if name not in present:
            raise perceptron.MissingFileError(f"{name} is not there")
        return splits

    monkeypatch.setattr(perceptron, "open_dataset", open_dataset)
    for present in (["fashion_mnist", "cifar10", "synthetic"], ["cifar10", "synthetic"], ["synthetic"]):
        asked.clear()
        perceptron.open_images()
        assert asked[-1][0] == present[0]
        assert all(not download for name, download in asked if name != "synthetic")


def test_a_warning_names_synthetic_images(cifar) -> None:
    outcome = cifar("lesson", "mlp")
    assert "these are SYNTHETIC images" in outcome.out


def test_the_real_cifar10_is_taken_where_it_is(real_data: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("CIFAR_DATA_DIR", str(real_data))
    if not (real_data / "FashionMNIST").exists():
        assert perceptron.open_images().train.name == "cifar10"


def test_on_cifar10_the_loss_explodes_with_the_tutorials_divided_lr(
    real_data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("CIFAR_DATA_DIR", str(real_data))
    images = perceptron.open_dataset("cifar10", download=False)
    lr = perceptron.TUTORIAL_LR / perceptron.BATCH_SIZE
    start = perceptron.make_network(3072, 10)
    losses = perceptron.first_losses(images, perceptron.same_start(start), lr=lr, steps=perceptron.LONG)
    assert losses[4] < losses[0]
    assert losses[-1] > 2 * losses[0]
    calm = perceptron.first_losses(images, perceptron.same_start(start), lr=perceptron.LR, steps=perceptron.LONG)
    assert calm[-1] < calm[0]
