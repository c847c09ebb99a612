"""Opens a person's own images: reads a listing's files into memory, each split at its place, and measures them."""

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from cifar_cli.data.datasets.decoded_images import DecodedImage, OnDecoded, read_images
from cifar_cli.data.datasets.folder_files import SPLITS
from cifar_cli.data.datasets.folder_listing import FolderListing, absolute_root, list_folder
from cifar_cli.data.datasets.kept_pixels import KeptPixels
from cifar_cli.data.datasets.listed_file import ListingError, shown
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.image_set import ImageSet
from cifar_cli.errors import DataError
from cifar_cli.formatting import binary_bytes
from cifar_cli.hardware import available_memory_bytes

IMAGES_AT_A_TIME = 1000  # for the statistics, which need eight bytes a pixel
DIGITS = 6  # a digit of a pixel's value is in the third
MAX_LINES_OF_ERROR, MAX_LINES_OF_WARNING = 50, 10


def open_folder(
    root: str | Path | None,
    *,
    kept_folder: Path,
    writes: bool = True,
    val_size: int | None,
    image_size: int = 32,
    skip_unreadable: bool = False,
    classes: Mapping[str, int] | None = None,
    fingerprint: str | None = None,
    mean: tuple[float, ...] | None = None,
    std: tuple[float, ...] | None = None,
    on_decoded: OnDecoded | None = None,
) -> Splits:
    """Returns the images of a root. kept_folder: for decoded pixels, which are read there, and with `writes` kept
    there; the other arguments: the keys of `data`.

    mean, std: None to measure them on the images to train on and to validate with. Raises DataError if the images are
    not those of `classes` and `fingerprint`, do not fit into memory, or cannot be read.
    """
    try:
        folder = absolute_root(root)
        listing = list_folder(folder, val_size=val_size)
    except ListingError as error:
        raise DataError(f"data.{error.key}: {error}") from None
    _check_unchanged(listing, folder, classes=classes, fingerprint=fingerprint)
    class_names = tuple(classes or listing.class_names)
    reader = _SplitReader(listing, folder, class_names=class_names, size=image_size)
    kept = KeptPixels(listing.files, root=folder, size=image_size, folder=kept_folder, writes=writes)
    for image in read_images(listing.files, size=image_size, kept=kept, on_decoded=on_decoded):
        reader.take(image)
    if reader.unreadable and not skip_unreadable:
        listed = _describe_unreadable(reader.unreadable, folder, max_lines=MAX_LINES_OF_ERROR)
        raise DataError(f"{listed}\nmend or remove them, or leave them out with data.skip_unreadable=true")
    sets = {split: reader.image_set(split) for split in SPLITS}
    for split in ("train", "test"):
        if not len(sets[split]):
            raise DataError(f"{folder}: expected images to {split} with, found none that can be read; add some")
    if mean is None or std is None:
        measured_mean, measured_std = channel_statistics([sets["train"].images, sets["val"].images])
        mean, std = mean or measured_mean, std or measured_std
    warnings = [*listing.warnings, *_absent_classes(sets), *filter(None, [kept.warning])]
    if reader.unreadable:
        listed = _describe_unreadable(reader.unreadable, folder, max_lines=MAX_LINES_OF_WARNING)
        warnings.append(f"left out: {listed}")
    return Splits(
        train=sets["train"],
        val=sets["val"] if len(sets["val"]) else None,
        test=sets["test"],
        mean=mean,
        std=std,
        root=folder,
        notes=listing.notes,
        warnings=tuple(warnings),
    )


def channel_statistics(sets: Sequence[Tensor]) -> tuple[tuple[float, ...], tuple[float, ...]]:
    """Returns mean and standard deviation of each channel over all pixels of images uint8 (N, 3, H, W), in [0, 1].

    Sums are of whole numbers, so that every machine gets the same. A channel that never changes gets 1 as deviation.
    """
    counts = torch.zeros(3, 256, dtype=torch.int64)  # how often each value occurs
    for images in (part for split in sets for part in split.split(IMAGES_AT_A_TIME)):
        for channel in range(3):
            counts[channel] += torch.bincount(images[:, channel].flatten(), minlength=256)
    means, stds = [], []
    for occurrences in counts.tolist():
        number = sum(occurrences)
        total = sum(value * times for value, times in enumerate(occurrences))
        squares = sum(value**2 * times for value, times in enumerate(occurrences))
        variance = (squares * number - total**2) / number**2
        means.append(round(total / number / 255, DIGITS))
        stds.append(round(variance**0.5 / 255, DIGITS) or 1.0)
    return tuple(means), tuple(stds)


class _SplitReader:
    """Puts each image into the memory of its split, where no copy of it is needed. unreadable: reasons by file name."""

    def __init__(self, listing: FolderListing, folder: Path, *, class_names: tuple[str, ...], size: int) -> None:
        _check_memory(len(listing.files), folder, size=size)
        self._class_names = class_names
        self._label_of = {name: label for label, name in enumerate(class_names)}
        self._place_of = {
            file.name: (split, index) for split, files in listing.splits.items() for index, file in enumerate(files)
        }
        self._pixels = {
            split: np.empty((len(files), 3, size, size), np.uint8) for split, files in listing.splits.items()
        }
        self._labels = {split: torch.full((len(files),), -1) for split, files in listing.splits.items()}
        self.unreadable: dict[str, str] = {}

    def take(self, image: DecodedImage) -> None:
        if image.pixels is None:
            self.unreadable[image.file.name] = image.issue
            return
        split, index = self._place_of[image.file.name]
        self._pixels[split][index] = image.pixels
        self._labels[split][index] = self._label_of[image.file.label]

    def image_set(self, split: str) -> ImageSet:
        images = ImageSet("folder", torch.from_numpy(self._pixels[split]), self._labels[split], self._class_names)
        is_read = self._labels[split] >= 0
        return images if is_read.all() else images.subset(is_read.nonzero().flatten())


def _check_unchanged(
    listing: FolderListing, folder: Path, *, classes: Mapping[str, int] | None, fingerprint: str | None
) -> None:
    """Raises DataError if the root does not hold the images that the configuration was made for."""
    is_same = fingerprint in (None, listing.fingerprint)
    if is_same and (classes is None or sorted(classes) == list(listing.class_names)):
        return
    now = sum(listing.class_sizes.values())
    before = f" of {sum(classes.values()):,} images in {len(classes)} classes" if classes else ""
    raise DataError(
        f"{folder}: expected the files{before} that the configuration was made for, found others: {now:,} images in "
        f"{len(listing.class_names)} classes; bring the files back, or train anew on those of today, with "
        f"data.fingerprint=null data.classes=null data.val_size=null data.mean=null data.std=null"
    )


def _check_memory(count: int, folder: Path, *, size: int) -> None:
    """Raises DataError if so many images do not fit into the memory that is free."""
    needed, free = count * 3 * size**2, available_memory_bytes()
    if free is None or needed < free:
        return
    fitting = int((free / 2 / count / 3) ** 0.5)
    raise DataError(
        f"{folder}: expected images that fit into the {binary_bytes(free)} of memory that are free, found {count:,} of "
        f"{size}×{size} pixels, which take {binary_bytes(needed)}; write for example data.image_size={max(1, fitting)}"
    )


def _describe_unreadable(unreadable: Mapping[str, str], folder: Path, *, max_lines: int) -> str:
    """Returns a line for each file that cannot be read, below a line with their number."""
    lines = [f"  {name}: {reason}" for name, reason in unreadable.items()]
    more = [f"  and {len(lines) - max_lines:,} more"] if len(lines) > max_lines else []
    counted = "1 file is no picture" if len(lines) == 1 else f"{len(lines):,} files are no pictures"
    return "\n".join([f"{folder}: {counted} that can be read:", *lines[:max_lines], *more])


def _absent_classes(sets: Mapping[str, ImageSet]) -> Iterator[str]:
    for split, use in (("train", "train on"), ("test", "test with")):
        images = sets[split]
        counts = torch.bincount(images.labels, minlength=len(images.class_names)).tolist()
        if absent := [name for name, count in zip(images.class_names, counts, strict=True) if not count]:
            yield f"no image to {use} of {len(absent)} of the {len(counts)} classes: {shown(absent)}"
