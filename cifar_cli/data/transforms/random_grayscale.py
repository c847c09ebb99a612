"""Turns some images grey."""

from dataclasses import dataclass, replace

import torch
from torch import Generator

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.colour import grayscale
from cifar_cli.data.transforms.draw import draw_uniform


@dataclass(frozen=True)
class RandomGrayscale:
    """Turns each image grey with `probability`; the number of channels stays."""

    probability: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        happens = draw_uniform(batch.images, generator=generator)[0] < self.probability
        return replace(batch, images=torch.where(happens.view(-1, 1, 1, 1), grayscale(batch.images), batch.images))
