"""Rotates images by random angles."""

from dataclasses import dataclass, replace

from torch import Generator

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.affine import affine, rotation
from cifar_cli.data.transforms.draw import draw_uniform


@dataclass(frozen=True)
class RandomRotation:
    """Rotates each image by an angle in [−degrees, degrees] and takes the nearest pixels; corners are black."""

    degrees: float

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        angles = self.degrees * (2 * draw_uniform(batch.images, generator=generator)[0] - 1)
        return replace(batch, images=affine(batch.images, rotation(angles)))
