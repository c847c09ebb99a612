"""The datasets: their properties, known without reading files, and the path of their code.

To add one, write `data/datasets/<name>.py` with a `DatasetSource`, and its entry here.
"""

import os
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cifar_cli.section import Entry, Flag, NonNegativeInt, UnitInterval, load_target, table
from cifar_cli.shell import expand_path

Shape = tuple[int, int, int]
Statistics = tuple[UnitInterval, UnitInterval, UnitInterval] | None
Resolved = tuple[dict[str, object], tuple[str, str, str] | None]


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
    is_own: ClassVar[bool] = False  # a person's own files: `target` names a function that opens them

    @property
    def side(self) -> int:
        """The height and width of an image, in pixels."""
        return self.image_shape[1]

    @property
    def own_keys(self) -> dict[str, object]:
        """The keys that only this dataset has."""
        entry, common = self.parts
        return {key: getattr(self, key) for key in entry.model_fields if key not in common.model_fields}

    def resolve(self) -> Resolved:
        """Returns the keys that the files answer, as these are today, and what is wrong with the files.

        The latter: the key, the finding and the mend.
        """
        return {}, None


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


class FolderKeys(DatasetKeys):
    """A person's own images: a folder with train/<class>/, or a CSV of path,label. Its keys below are filled in."""

    target: ClassVar[str] = "cifar_cli.data.datasets.folder:open_folder"
    listing: ClassVar[str] = "cifar_cli.data.datasets.folder_listing:look_at_folder"
    example: ClassVar[Mapping[str, Any]] = {"root": "photos"}
    is_own: ClassVar[bool] = True

    name: Literal["folder"] = "folder"
    image_size: Annotated[int, Field(ge=1, le=1024)] = Field(
        32,
        title="the side of an image in pixels: the shorter side is resized to it, and the middle square taken",
        description="a whole number of pixels, 1 to 1024",
        examples=[64],
    )
    skip_unreadable: Flag = Field(False, title="true: leave out files that are no pictures, with a warning")
    val_size: NonNegativeInt | None = Field(
        None,
        title="images held out of the training set, always the same; null: the folder val, or else a tenth",
        description="a whole number of images, 0 or more, or null",
        examples=[100],
    )
    classes: dict[str, NonNegativeInt] | None = Field(
        None,
        title="the classes in the order of their scores, with the number of images to train on and to validate with",
        description="class names with numbers of images, or null for those found",
        examples=[{"cat": 120, "dog": 98}],
    )
    fingerprint: str | None = Field(
        None,
        title="of the names and sizes of the files: a run goes on only with the same; null: those found",
        description="16 letters and digits, or null",
        examples=["0123456789abcdef"],
    )
    # mypy takes the facts that other datasets state for the whole class for what they must be here too.
    mean: Statistics = Field(  # type: ignore[misc, assignment]
        None,
        title="of each channel, pixels in [0, 1]; null: that of the images to train on and to validate with",
        description="three numbers from 0 to 1, or null",
        examples=[[0.485, 0.456, 0.406]],
    )
    std: Statistics = Field(  # type: ignore[misc, assignment]
        None,
        title="the standard deviation, as the mean",
        description="three numbers from 0 to 1, or null",
        examples=[[0.229, 0.224, 0.225]],
    )

    @property
    def image_shape(self) -> Shape:  # type: ignore[override]
        return 3, self.image_size, self.image_size

    @property
    def num_classes(self) -> int:  # type: ignore[override]
        return len(self.classes or ())

    @property
    def train_images(self) -> int:  # type: ignore[override]
        return sum((self.classes or {}).values())

    def resolve(self) -> Resolved:
        root: str | None = getattr(self, "root", None)  # a key of the section that all datasets have
        if self.fingerprint is not None:  # resolved already, as in a run's configuration: opening compares the files
            return {"root": root and os.path.abspath(expand_path(root, place="data.root"))}, None
        found, issue = load_target(self.listing)(root, val_size=self.val_size)
        if not issue and self.classes not in (None, found["classes"]):
            return {}, ("classes", f"expected those of the folder, {found['classes']}, found others", "write null")
        return found, issue


DATASETS = table(Cifar10Keys, Cifar100Keys, FashionMnistKeys, SyntheticKeys, FolderKeys)
