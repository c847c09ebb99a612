"""What a dataset has to offer: how its files are read, checked and fetched."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cifar_cli.data.download.checksums import FileState
from cifar_cli.data.download.download import Report
from cifar_cli.data.image_set import ImageSet


class FetchFiles(Protocol):
    """Brings a dataset's files below a root, from mirrors."""

    def __call__(
        self, root: Path, *, mirrors: Sequence[str], deadline_seconds: float | None, report: Report | None
    ) -> None: ...


def _no_files(root: Path) -> Mapping[Path, FileState]:
    return {}


@dataclass(frozen=True)
class DatasetSource:
    """How a dataset's files below a root are read, checked and fetched.

    read: gives the training and the test set. fetch: None for a dataset that is made and not read; then the root does
    not matter. copy, example_mirror: for error messages, what a person may bring, and what a mirror looks like.
    """

    read: Callable[[Path], tuple[ImageSet, ImageSet]]
    file_states: Callable[[Path], Mapping[Path, FileState]] = _no_files
    fetch: FetchFiles | None = None
    copy: str = ""
    example_mirror: str = ""
