"""What the tests of commands share: the images that their runs see, and the network of small.yaml written out."""

from collections.abc import Callable, Mapping

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from cifar_cli.data import sources
from cifar_cli.data.download import DownloadError
from cifar_cli.data.synthetic import synthetic_sets


@pytest.fixture(scope="session")
def small_splits() -> sources.Splits:
    """The images that a run of small.yaml sees: 500 for training, 100 for validation, 100 for the test."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sources, "synthetic_sets", lambda: synthetic_sets(train_size=600, test_size=100))
        return sources.open_dataset("synthetic", val_size=100)


@pytest.fixture(scope="session")
def small_logits(small_splits: sources.Splits) -> Callable[[Mapping[str, Tensor], Tensor], Tensor]:
    """Returns a function from the weights of a run of small.yaml and images uint8 (B, 3, 32, 32) to logits (B, 10)."""

    def logits(weights: Mapping[str, Tensor], images: Tensor) -> Tensor:
        features = F.conv2d(normalized(images, small_splits), weights["conv1.weight"], weights["conv1.bias"], padding=1)
        pooled = F.max_pool2d(features.relu(), 4)  # (B, 8, 8, 8)
        return pooled.flatten(1) @ weights["fc1.weight"].T + weights["fc1.bias"]

    return logits


def normalized(images: Tensor, splits: sources.Splits) -> Tensor:
    """Returns what the network is given, image by image and channel by channel."""
    channels = [
        (images[:, channel] / 255 - splits.mean[channel]) / splits.std[channel] for channel in range(images.shape[1])
    ]
    return torch.stack(channels, dim=1)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object, **__: object) -> None:
        raise DownloadError("cifar-10-python.tar.gz: no mirror could be reached")

    monkeypatch.setattr(sources, "obtain_archive", refuse)
