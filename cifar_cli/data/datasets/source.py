"""The interface of a dataset: the functions that read, check and fetch its files."""

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from cifar_cli.data.download.checksums import FileState
from cifar_cli.data.download.download import Report
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.data.image_set import ImageSet


class FetchFiles(Protocol):
    """Downloads a dataset's files from mirrors into folders below `root`."""

    def __call__(
        self, root: Path, *, mirrors: Sequence[str], deadline_seconds: float | None, report: Report | None
    ) -> None: ...


def _no_files(root: Path) -> Mapping[Path, FileState]:
    return {}


@dataclass(frozen=True)
class DatasetSource:
    """The functions that read, check and fetch a dataset's files below a root.

    read: returns the training and the test set. fetch: None for a generated dataset, which ignores the root. folder:
    the files' place below the root. archive: the file in the root that the folder is unpacked from. copy,
    example_mirror: for error messages, the files to copy from another machine, and an example of a mirror's URL.
    archives: what `fetch` downloads.
    """

    read: Callable[[Path], tuple[ImageSet, ImageSet]]
    file_states: Callable[[Path], Mapping[Path, FileState]] = _no_files
    fetch: FetchFiles | None = None
    folder: str = ""
    archive: str | None = None
    copy: str = ""
    example_mirror: str = ""
    archives: Sequence[Archive] = ()

    def count_states(self, root: Path) -> Counter[FileState]:
        """Returns how many of the files below `root` are in which state."""
        return Counter(self.file_states(root).values())
