"""Measures how often the units of a layer are zero over many images."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cifar_cli import formatting
from cifar_cli.analysis.capture import capture_many

BATCH_SIZE = 250


@dataclass(frozen=True)
class UnitSparsity:
    """The fraction of a layer's output that is exactly zero.

    zero_fractions: float64 (C,), for each channel, or each value of a vector, the fraction of zeros in [0, 1] over all
    images and positions; images: the number of images.
    """

    zero_fractions: Tensor
    images: int

    @property
    def dead(self) -> Tensor:
        """bool (C,): the units that are zero everywhere, for every image."""
        return self.zero_fractions == 1

    @property
    def overall(self) -> float:
        return self.zero_fractions.mean().item()

    @property
    def num_units(self) -> int:
        return len(self.zero_fractions)

    @property
    def num_dead(self) -> int:
        return int(self.dead.sum())

    @property
    def summary(self) -> str:
        """The fraction of zeros, and the number of dead units, as a sentence."""
        return (
            f"over {formatting.count(self.images, 'image')} "
            f"{formatting.percent(self.overall, decimals=1)} of the values are zero; "
            f"{self.num_dead} of {formatting.count(self.num_units, 'unit')} "
            f"({formatting.percent(self.num_dead / self.num_units, decimals=0)}) are dead, zero for every one of them."
        )


def measure_sparsity(
    model: nn.Module, images: Tensor, *, layers: Sequence[str], preprocess: Callable[[Tensor], Tensor]
) -> dict[str, UnitSparsity]:
    """Returns the sparsity of each layer on images uint8 (N, C, H, W), N at least 1.

    preprocess turns images into the network's input. A unit is a channel of a feature map, or a value of a vector.
    """
    zeros: dict[str, Tensor] = {}
    numbers: dict[str, int] = {}
    for batch in images.split(BATCH_SIZE):
        for layer, output in capture_many(model, preprocess(batch), layers=layers).items():
            by_unit = (output == 0).transpose(0, 1).flatten(1)  # (C, B · positions)
            zeros[layer] = zeros.get(layer, torch.zeros(len(by_unit), dtype=torch.int64)) + by_unit.sum(dim=1).cpu()
            numbers[layer] = numbers.get(layer, 0) + by_unit.shape[1]
    return {layer: UnitSparsity(count.double() / numbers[layer], len(images)) for layer, count in zeros.items()}
