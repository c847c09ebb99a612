"""The datasets: their properties, known without reading files, and the path of their code.

To add one, write `data/datasets/<name>.py` with a `DatasetSource`, and its entry here.
"""

from typing import ClassVar, Literal

from cifar_cli.section import Entry, table

Shape = tuple[int, int, int]


class DatasetKeys(Entry):
    """A dataset's properties. `target` names a `DatasetSource`; an entry's keys are keys of the section `data`.

    mean, std: per channel over the training set, pixels in [0, 1].
    """

    image_shape: ClassVar[Shape]  # channels, height, width
    num_classes: ClassVar[int]
    train_images: ClassVar[int]  # of the whole training set, validation images included
    mean: ClassVar[tuple[float, ...]]
    std: ClassVar[tuple[float, ...]]
    is_synthetic: ClassVar[bool] = False  # drawn by a program: results say so

    @property
    def side(self) -> int:
        """The height and width of an image, in pixels."""
        return self.image_shape[1]


class Cifar10Keys(DatasetKeys):
    """60,000 photographs of ten classes, 32×32 pixels. Source: Krizhevsky 2009."""

    target: ClassVar[str] = "cifar_cli.data.datasets.cifar:CIFAR10"
    image_shape: ClassVar[Shape] = (3, 32, 32)
    num_classes: ClassVar[int] = 10
    train_images: ClassVar[int] = 50_000
    mean: ClassVar[tuple[float, ...]] = (0.4914, 0.4822, 0.4465)
    # The 0.2023, 0.1994, 0.2010 of many scripts are means of per-image deviations, which are too small.
    std: ClassVar[tuple[float, ...]] = (0.2470, 0.2435, 0.2616)

    name: Literal["cifar10"] = "cifar10"


class Cifar100Keys(DatasetKeys):
    """60,000 photographs of a hundred classes, 32×32 pixels. Source: Krizhevsky 2009."""

    target: ClassVar[str] = "cifar_cli.data.datasets.cifar:CIFAR100"
    image_shape: ClassVar[Shape] = (3, 32, 32)
    num_classes: ClassVar[int] = 100
    train_images: ClassVar[int] = 50_000
    mean: ClassVar[tuple[float, ...]] = (0.5071, 0.4865, 0.4409)
    std: ClassVar[tuple[float, ...]] = (0.2673, 0.2564, 0.2762)

    name: Literal["cifar100"] = "cifar100"


class FashionMnistKeys(DatasetKeys):
    """70,000 grey pictures of clothes in ten classes, 28×28 pixels. Source: Xiao et al., arXiv:1708.07747."""

    target: ClassVar[str] = "cifar_cli.data.datasets.fashion_mnist:FASHION_MNIST"
    image_shape: ClassVar[Shape] = (1, 28, 28)
    num_classes: ClassVar[int] = 10
    train_images: ClassVar[int] = 60_000
    mean: ClassVar[tuple[float, ...]] = (0.2860,)
    std: ClassVar[tuple[float, ...]] = (0.3530,)

    name: Literal["fashion_mnist"] = "fashion_mnist"


class SyntheticKeys(DatasetKeys):
    """12,000 drawn shapes of ten classes in CIFAR-10's format, made by this program."""

    target: ClassVar[str] = "cifar_cli.data.datasets.synthetic:SYNTHETIC"
    image_shape: ClassVar[Shape] = (3, 32, 32)
    num_classes: ClassVar[int] = 10
    train_images: ClassVar[int] = 10_000
    mean: ClassVar[tuple[float, ...]] = (0.500, 0.505, 0.501)
    std: ClassVar[tuple[float, ...]] = (0.286, 0.285, 0.287)
    is_synthetic: ClassVar[bool] = True

    name: Literal["synthetic"] = "synthetic"


DATASETS = table(Cifar10Keys, Cifar100Keys, FashionMnistKeys, SyntheticKeys)
