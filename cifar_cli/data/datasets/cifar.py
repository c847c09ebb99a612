"""Reads CIFAR-10 and CIFAR-100 from their authors' files, in torchvision's layout.

The MD5 sum of every file is checked before the file is unpickled.
"""

import io
import pickle
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from cifar_cli.data.datasets.source import DatasetSource
from cifar_cli.data.download.checksums import FileState, file_state, read_verified
from cifar_cli.data.download.download import Report
from cifar_cli.data.download.fetch_archive import fetch_archive
from cifar_cli.data.download.mirrors import CIFAR10_ARCHIVE, CIFAR100_ARCHIVE, Archive
from cifar_cli.data.image_set import ImageSet
from cifar_cli.shell import shell_command


@dataclass(frozen=True)
class CifarFiles:
    """The files of CIFAR-10 or CIFAR-100, and the keys of their contents.

    folder: below the root. train, test, meta: MD5 sums by file name.
    """

    name: str
    folder: str
    train: dict[str, str]
    test: dict[str, str]
    meta: dict[str, str]
    labels_key: bytes
    class_names_key: bytes


# MD5 sums from torchvision.datasets.CIFAR10 and CIFAR100.
CIFAR10_FILES = CifarFiles(
    name="cifar10",
    folder="cifar-10-batches-py",
    train={
        "data_batch_1": "c99cafc152244af753f735de768cd75f",
        "data_batch_2": "d4bba439e000b95fd0a9bffe97cbabec",
        "data_batch_3": "54ebc095f3ab1f0389bbae665268c751",
        "data_batch_4": "634d18415352ddfa80567beed471001a",
        "data_batch_5": "482c414d41f54cd18b22e5b47cb7c3cb",
    },
    test={"test_batch": "40351d587109b95175f43aff81a1287e"},
    meta={"batches.meta": "5ff9c542aee3614f3951f8cda6e48888"},
    labels_key=b"labels",
    class_names_key=b"label_names",
)
CIFAR100_FILES = CifarFiles(
    name="cifar100",
    folder="cifar-100-python",
    train={"train": "16019d7e3df5f24257cddd939b257f8d"},
    test={"test": "f0ef6b0ae62326f3e7ffdfab6717acfc"},
    meta={"meta": "7973b15100ade9c7d40fb424638fde48"},
    labels_key=b"fine_labels",
    class_names_key=b"fine_label_names",
)

# The published files, written by Python 2 and NumPy 1, contain only these names. NumPy has moved the first function to
# a private module, but `__reduce__` of every array returns it.
_ALLOWED_IN_PICKLES: dict[tuple[str, str], Any] = {
    ("numpy.core.multiarray", "_reconstruct"): np.empty(0).__reduce__()[0],
    ("numpy", "ndarray"): np.ndarray,
    ("numpy", "dtype"): np.dtype,
}


def read_cifar(root: Path, *, files: CifarFiles) -> tuple[ImageSet, ImageSet]:
    """Returns the training and the test set: images uint8 (N, 3, 32, 32), labels int64 (N,).

    Raises DataError with the name of a missing or damaged file.
    """
    folder = root / files.folder
    meta = _read_pickles(folder, files.meta, name=files.name)[0]
    class_names = tuple(name.decode() for name in meta[files.class_names_key])

    def image_set(md5_sums: dict[str, str]) -> ImageSet:
        batches = _read_pickles(folder, md5_sums, name=files.name)
        pixels = np.concatenate([batch[b"data"] for batch in batches])  # (N, 3072): all red, all green, all blue
        labels = [label for batch in batches for label in batch[files.labels_key]]
        images = torch.from_numpy(pixels).reshape(-1, 3, 32, 32)
        return ImageSet(files.name, images, torch.tensor(labels, dtype=torch.int64), class_names)

    return image_set(files.train), image_set(files.test)


def cifar_file_states(root: Path, *, files: CifarFiles) -> dict[Path, FileState]:
    """Returns the state of every file that `read_cifar` needs, by path."""
    md5_sums = files.train | files.test | files.meta
    paths = {root / files.folder / name: md5 for name, md5 in md5_sums.items()}
    return {path: file_state(path, md5=md5) for path, md5 in paths.items()}


def _read_pickles(folder: Path, md5_sums: dict[str, str], *, name: str) -> list[dict[bytes, Any]]:
    mend = f"fetch it anew with: {shell_command('cifar', 'data', 'fetch', name, '--root', folder.parent)}"
    contents = [read_verified(folder / file, md5=md5, mend=mend) for file, md5 in md5_sums.items()]
    return [_ArrayUnpickler(io.BytesIO(content), encoding="bytes").load() for content in contents]


class _ArrayUnpickler(pickle.Unpickler):
    """Loads only NumPy arrays and plain values, because a pickle can call any function.

    A second safeguard: the files have already passed their checksum.
    """

    def find_class(self, module: str, name: str, /) -> Any:
        if (module, name) not in _ALLOWED_IN_PICKLES:
            raise pickle.UnpicklingError(f"refused to load {module}.{name}")
        return _ALLOWED_IN_PICKLES[module, name]


def dataset_source(files: CifarFiles, archive: Archive) -> DatasetSource:
    """Returns the functions that read, check and fetch CIFAR-10 or CIFAR-100."""

    def file_states(root: Path) -> dict[Path, FileState]:
        return cifar_file_states(root, files=files)

    def fetch(root: Path, *, mirrors: Sequence[str], deadline_seconds: float | None, report: Report | None) -> None:
        fetch_archive(
            archive,
            root,
            is_there=lambda: all(state == "ok" for state in file_states(root).values()),
            mirrors=mirrors,
            deadline_seconds=deadline_seconds,
            report=report,
        )

    return DatasetSource(
        read=lambda root: read_cifar(root, files=files),
        file_states=file_states,
        fetch=fetch,
        folder=files.folder,
        archive=archive.file_name,
        copy=f"{archive.file_name} (or the folder {archive.folder})",
        example_mirror=f"https://example.org/{archive.file_name}",
        archives=(archive,),
    )


CIFAR10 = dataset_source(CIFAR10_FILES, CIFAR10_ARCHIVE)
CIFAR100 = dataset_source(CIFAR100_FILES, CIFAR100_ARCHIVE)
