"""What has to be known of the datasets to check a configuration without opening them."""

from dataclasses import dataclass
from math import prod


@dataclass(frozen=True)
class DatasetFacts:
    """image_shape: (channels, height, width); train_images: the whole training set, validation images included."""

    image_shape: tuple[int, int, int]
    num_classes: int
    train_images: int

    @property
    def side(self) -> int:
        """Height, which is also width, in pixels."""
        return self.image_shape[1]

    @property
    def numbers(self) -> int:
        """How many numbers one image holds."""
        return prod(self.image_shape)


DATASET_FACTS = {
    "cifar10": DatasetFacts((3, 32, 32), 10, 50_000),
    "cifar100": DatasetFacts((3, 32, 32), 100, 50_000),
    "fashion_mnist": DatasetFacts((1, 28, 28), 10, 60_000),
    "synthetic": DatasetFacts((3, 32, 32), 10, 10_000),
}
