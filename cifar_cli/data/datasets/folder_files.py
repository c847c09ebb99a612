"""Finds the image files of a person's folder, `train/<class>/*` and the like. Opens none of them. Imports no torch."""

import os
from collections.abc import Iterator, Sequence, Set
from dataclasses import dataclass, field
from pathlib import Path

from cifar_cli.data.datasets.image_csv import list_csv
from cifar_cli.data.datasets.listed_file import ListedFile, ListingError, class_name, listed_file, shown

SPLITS = ("train", "val", "test")
OTHER_NAMES = {"training": "train", "valid": "val", "validation": "val", "testing": "test"}  # of splits, in any case
SYSTEM_NAMES = frozenset({"thumbs.db", "desktop.ini", "ehthumbs.db", "__macosx", "@eadir", "$recycle.bin"})


@dataclass
class FoundFiles:
    """What a root holds: the files of the splits that it has, sorted by path.

    folders: of the splits. empty_classes: folders of `train`. notes: how the root was understood; warnings: what
    belongs to no class.
    """

    splits: dict[str, list[ListedFile]] = field(default_factory=dict)
    folders: dict[str, Path] = field(default_factory=dict)
    empty_classes: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def find_files(root: Path) -> FoundFiles:
    """Returns the files of a root: a folder, or a CSV of path,label. Raises ListingError."""
    if root.is_dir():
        return _find_in_folder(root)
    if root.is_file():
        return FoundFiles(splits={"train": list_csv(root)})
    raise ListingError(
        f"expected a folder with train/<class>/ or a CSV of path,label, found nothing at {root}",
        "write the folder of your images",
    )


def _find_in_folder(root: Path) -> FoundFiles:
    found = FoundFiles()
    folders, strays = _entries(root)
    found.folders = _folders_of_splits(folders)
    if "train" in found.folders:
        strays += [folder for folder in folders if folder not in found.folders.values()]
    elif any(folder.name in SPLITS for folder in folders) or not folders:
        raise ListingError(
            f"expected a folder train in {root}, with a folder for each class, found "
            f"{shown([path.name for path in folders or strays])}",
            "make train/<class>/ and put the images there",
        )
    else:
        found.notes.append(f"{root} has no folder train: each of its {len(folders)} folders is a class")
        found.folders = {"train": root}
    for name, folder in found.folders.items():
        class_folders, others = _entries(folder)
        taken = {_identity(it) for it in (root, folder, *class_folders)}
        by_class = {it: list(_files_of_class(it, root, taken=taken)) for it in class_folders}
        found.splits[name] = sorted((file for files in by_class.values() for file in files), key=lambda file: file.name)
        if name == "train":  # in the other splits a class may be without images
            found.empty_classes += [it.relative_to(root).as_posix() for it, files in by_class.items() if not files]
        strays += [] if folder == root else others
    if strays:
        names = shown(sorted(path.relative_to(root).as_posix() for path in strays))
        found.warnings.append(f"{root}: left out, as no part of a class's folder: {names}")
    return found


def _folders_of_splits(folders: Sequence[Path]) -> dict[str, Path]:
    """Returns the folders that are splits by their names, ordered. Raises ListingError for two of one."""
    found: dict[str, Path] = {}
    for folder in folders:
        name = folder.name.casefold()
        split = OTHER_NAMES.get(name, name)
        if split in SPLITS and split in found:
            raise ListingError(
                f"expected one folder {split} in {folder.parent}, found {found[split].name} and {folder.name}",
                "put the images into one of them",
            )
        if split in SPLITS:
            found[split] = folder
    return {split: found[split] for split in SPLITS if split in found}


def _entries(folder: Path) -> tuple[list[Path], list[Path]]:
    """Returns the folders in a folder and the rest, both sorted, without hidden files and the systems' own."""
    folders: list[Path] = []
    others: list[Path] = []
    try:
        with os.scandir(folder) as entries:  # says without another question to the disk what is a folder
            for entry in entries:
                if not _is_hidden(entry.name):
                    (folders if entry.is_dir() else others).append(Path(entry.path))
    except OSError as error:
        raise ListingError(f"{folder} cannot be read: {error.strerror}", "check who may read it") from error
    return sorted(folders), sorted(others)


def _is_hidden(name: str) -> bool:
    return name.startswith(".") or name.lower() in SYSTEM_NAMES


def _identity(folder: Path) -> tuple[int, int]:
    status = folder.stat()
    return status.st_dev, status.st_ino


def _files_of_class(folder: Path, root: Path, *, taken: Set[tuple[int, int]]) -> Iterator[ListedFile]:
    """Yields the files below a class's folder, those in folders within it too, as torchvision's ImageFolder does.

    taken: the folders above, which a link could lead to for ever, and those of the classes.
    """
    label = class_name(folder.name, place=str(folder.parent))
    seen: set[tuple[int, int]] = set()
    waiting = [folder]
    while waiting:
        here = waiting.pop()
        identity = _identity(here)
        if identity in seen or (here != folder and identity in taken):
            raise ListingError(f"{here}: expected a folder of its own, found a link to {here.resolve()}", "remove it")
        seen.add(identity)
        folders, files = _entries(here)
        waiting += folders
        yield from (listed_file(path, name=path.relative_to(root).as_posix(), label=label) for path in files)
