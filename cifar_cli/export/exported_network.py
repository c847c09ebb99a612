"""A network as other programs get it: with its normalization, its class names and its origin."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cifar_cli import __version__
from cifar_cli.builders.load_model import LoadedModel
from cifar_cli.config import Experiment, dump
from cifar_cli.data.datasets.open_dataset import Splits


class NormalizedNetwork(nn.Module):
    """A network with its normalization: images float32 (N, C, H, W) in [0, 1] → logits float32 (N, num_classes)."""

    mean: Tensor  # (1, C, 1, 1)
    std: Tensor  # (1, C, 1, 1)

    def __init__(self, network: nn.Module, *, mean: Sequence[float], std: Sequence[float]) -> None:
        super().__init__()
        self.network = network
        self.register_buffer("mean", torch.tensor(mean).view(1, -1, 1, 1))
        self.register_buffer("std", torch.tensor(std).view(1, -1, 1, 1))

    def forward(self, images: Tensor) -> Tensor:
        logits: Tensor = self.network((images - self.mean) / self.std)
        return logits


@dataclass(frozen=True)
class ExportedNetwork:
    """A network in evaluation mode on the CPU, with what a reader needs to know of it.

    mean, std: of each channel, of pixels in [0, 1]. source: which weights these are, in words.
    """

    network: nn.Module
    experiment: Experiment
    mean: Sequence[float]
    std: Sequence[float]
    class_names: Sequence[str]
    source: str

    @property
    def module(self) -> NormalizedNetwork:
        """The network with its normalization; of a network that can be re-parameterised, such as RepVGG, that form."""
        reparameterised: Callable[[], nn.Module] | None = getattr(self.network, "reparameterised", None)
        network = self.network if reparameterised is None else reparameterised()
        return NormalizedNetwork(network, mean=self.mean, std=self.std).eval()

    @property
    def metadata(self) -> dict[str, str]:
        """What is written into the file beside the network; lists are in JSON, the configuration in YAML."""
        channels, height, width = self.experiment.data.image_shape
        return {
            "input": f"images: float32 (N, {channels}, {height}, {width}), {'RGB, ' if channels == 3 else ''}in [0, 1]",
            "output": f"logits: float32 (N, {len(self.class_names)})",
            "class_names": json.dumps(list(self.class_names), ensure_ascii=False),
            "mean": json.dumps(list(self.mean)),
            "std": json.dumps(list(self.std)),
            "source": self.source,
            "config": dump(self.experiment),
            "program": f"cifar {__version__}",
        }

    def example_images(self) -> Tensor:
        """Returns two images of zeros, float32 (2, C, H, W), to trace the network with."""
        return torch.zeros(2, *self.experiment.data.image_shape)


def to_export(opened: LoadedModel, splits: Splits) -> ExportedNetwork:
    """Returns a loaded network as it is exported. The paths of this machine are left out of its configuration."""
    data = opened.experiment.data
    channels = data.image_shape[0]
    mean, std = (splits.mean, splits.std) if data.normalize else ((0.0,) * channels, (1.0,) * channels)
    elsewhere = data.model_copy(update={"root": None, "mirrors": ()})
    return ExportedNetwork(
        network=opened.model.cpu().eval(),
        experiment=opened.experiment.model_copy(update={"data": elsewhere}),
        mean=mean,
        std=std,
        class_names=splits.test.class_names,
        source=opened.source,
    )
