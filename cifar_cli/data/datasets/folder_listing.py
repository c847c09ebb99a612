"""Lists a person's own images: `root/train/<class>/*`, or a CSV of path,label. Opens no image, and imports no torch.

What is listed is sorted by name, so that every machine gives the same images the same labels and the same split.
"""

import hashlib
import os
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from cifar_cli.data.datasets.folder_files import SPLITS, FoundFiles, find_files
from cifar_cli.data.datasets.listed_file import ListedFile, ListingError, shown
from cifar_cli.data.quotas import proportional_quotas
from cifar_cli.shell import expand_path

TEST_PERCENT = 20  # of all images, if there is no folder `test`
VAL_PERCENT = 10  # of the training images, if there is no folder `val`


@dataclass(frozen=True)
class FolderListing:
    """The files of each split, the classes interleaved. A label is an index into `class_names`.

    fingerprint: of the names, labels and sizes of the files to train on and to validate with, and of those that the
    test images were taken from. notes: how the images were split; warnings: what was left out.
    """

    class_names: tuple[str, ...]
    splits: dict[str, tuple[ListedFile, ...]]
    fingerprint: str
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()

    @property
    def files(self) -> list[ListedFile]:
        """The files of all splits, sorted by path."""
        return sorted((file for files in self.splits.values() for file in files), key=lambda file: file.name)

    @property
    def class_sizes(self) -> dict[str, int]:
        """The number of images of each class to train on and to validate with."""
        counts = Counter(file.label for split in ("train", "val") for file in self.splits[split])
        return {name: counts[name] for name in self.class_names}


def absolute_root(root: str | Path | None) -> Path:
    """Returns the root as an absolute path. Raises ListingError if there is none."""
    if root is None:
        raise ListingError("expected the folder of your images, or a CSV of path,label, found nothing", "write it")
    return Path(os.path.abspath(expand_path(root, place="data.root")))


def list_folder(root: Path, *, val_size: int | None) -> FolderListing:
    """Returns the files of a root, in three splits. val_size: None for the folder `val`, or else a tenth.

    Without a folder `test`, a fifth of the images is the test set. Raises ListingError.
    """
    found = find_files(root)
    train, val, test = (found.splits.get(split, []) for split in SPLITS)
    class_names = _checked_classes(found, root)
    fingerprint = _fingerprint([*train, *val], has_test="test" in found.splits)
    if "test" not in found.splits:
        train, test = split_off(train, len(train) * TEST_PERCENT // 100 or 1)
        found.notes.append(
            f"{root} has no test images of its own: {len(test):,} of its {len(train) + len(test):,} images, spread "
            f"evenly over the classes, are the test set, always the same"
        )
    if "val" in found.splits:
        if val_size not in (None, len(val)):
            raise ListingError(
                f"expected null, as {found.folders['val']} has the {len(val):,} images held out, found {val_size}",
                "leave it out",
                key="val_size",
            )
    elif val_size is None or 0 < val_size < len(train):  # another size is for the checks of the configuration
        train, val = split_off(train, len(train) * VAL_PERCENT // 100 if val_size is None else val_size)
    return FolderListing(
        class_names=class_names,
        splits={"train": interleaved(train), "val": interleaved(val), "test": interleaved(test)},
        fingerprint=fingerprint,
        notes=tuple(found.notes),
        warnings=tuple(found.warnings),
    )


def interleaved(files: Sequence[ListedFile]) -> tuple[ListedFile, ...]:
    """Returns files, sorted by path, with the classes in turn: the first few, which are drawn, are of all classes."""
    sizes, seen = Counter(file.label for file in files), Counter[str]()
    places = []
    for file in files:
        places.append(((seen[file.label] + 0.5) / sizes[file.label], file.label, file))
        seen[file.label] += 1
    return tuple(file for _, _, file in sorted(places, key=lambda place: place[:2]))


def split_off(files: Sequence[ListedFile], size: int) -> tuple[list[ListedFile], list[ListedFile]]:
    """Returns the files without `size` of them, and these: in proportion to the classes, evenly spaced within each.

    A class keeps an image in the first list as long as another class can give one.
    """
    members: dict[str, list[int]] = {}
    for index, file in enumerate(files):
        members.setdefault(file.label, []).append(index)
    quotas = proportional_quotas([len(indices) for indices in members.values()], total=size)
    taken = {
        indices[position * len(indices) // quota]
        for indices, quota in zip(members.values(), quotas, strict=True)
        for position in range(quota)
    }
    kept = [file for index, file in enumerate(files) if index not in taken]
    return kept, [file for index, file in enumerate(files) if index in taken]


# --- checks --------------------------------------------------------------------------------------------------------


def _checked_classes(found: FoundFiles, root: Path) -> tuple[str, ...]:
    """Returns the sorted names of the classes. Raises ListingError for classes that cannot be trained on."""
    if found.empty_classes:
        raise ListingError(
            f"expected an image in each class, found none in {shown(found.empty_classes)}",
            "put images there, or remove the folders",
        )
    class_names = sorted({file.label for file in found.splits["train"]})
    if len(class_names) < 2:
        raise ListingError(
            f"expected at least two classes to tell apart in {root}, found {shown(class_names)}",
            "make a folder for each class",
        )
    for split in ("val", "test"):
        files = found.splits.get(split)
        if files is not None and not files:
            raise ListingError(f"expected images in {found.folders[split]}, found none", "remove the folder")
        if unknown := sorted({file.label for file in files or ()} - set(class_names)):
            raise ListingError(
                f"expected in {found.folders[split]} the classes of train, found others: {shown(unknown)}",
                "give each of them a folder in train too, or remove them",
            )
    if "test" not in found.splits and len(found.splits["train"]) == len(class_names):
        raise ListingError(
            f"expected more than one image in a class, found one in each of the {len(class_names)}, so that none is "
            f"left to test with",
            "add images",
        )
    return tuple(class_names)


def _fingerprint(files: Iterable[ListedFile], *, has_test: bool) -> str:
    digest = hashlib.sha256(b"test\n" if has_test else b"")  # without it, the test images are taken from these
    for file in files:
        digest.update(f"{file.name}\0{file.label}\0{file.size_bytes}\n".encode("utf-8", "surrogateescape"))
    return digest.hexdigest()[:16]


# --- for the configuration -----------------------------------------------------------------------------------------


def look_at_folder(root: str | None, *, val_size: int | None) -> tuple[dict[str, object], tuple[str, str, str] | None]:
    """Returns the keys of `data` that a root answers, or the key, the finding and the mend of what is wrong with it."""
    try:
        folder = absolute_root(root)
        listing = list_folder(folder, val_size=val_size)
    except ListingError as error:
        return {}, (error.key, error.finding, error.mend)
    return {
        "root": str(folder),
        "classes": listing.class_sizes,
        "val_size": len(listing.splits["val"]) if val_size is None else val_size,
        "fingerprint": listing.fingerprint,
    }, None
