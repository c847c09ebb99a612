"""Keeps decoded pixels in a file, so that the next start has only to read them.

The file is named by a digest of the names, sizes and times of all files, so that a changed folder is decoded anew. It
stands beside the datasets: a person's own folder may be read-only or in a cloud, and in a run's folder neither other
runs nor an evaluation would find it.
"""

import hashlib
import json
import os
import zlib
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import BinaryIO

import numpy as np
import PIL

from cifar_cli.data.datasets.decode_image import Pixels
from cifar_cli.data.datasets.listed_file import ListedFile

FORMAT = 1  # to be raised when the same files would be decoded to other pixels
READ_BYTES = 2**24

Write = Callable[[str, Pixels | None, str], None]


class KeptPixels:
    """The pixels of a root's files at a size. folder: of all kept pixels. warning: why they could not be kept.

    writes: whether pixels are kept that are not there yet.
    """

    def __init__(
        self, files: Sequence[ListedFile], *, root: Path, size: int, folder: Path, writes: bool = True
    ) -> None:
        digest = hashlib.sha256(f"{FORMAT} {PIL.__version__} {size}\n".encode())
        for file in files:
            line = f"{file.name}\0{file.size_bytes}\0{file.modified_ns}\0{file.issue}\n"
            digest.update(line.encode("utf-8", "surrogateescape"))
        root_digest = hashlib.sha256(os.fsencode(root)).hexdigest()[:8]
        self._folder = folder / f"{root.name[:40]}-{root_digest}-{size}px"
        self._pixels = self._folder / f"{digest.hexdigest()[:16]}.pixels"
        self._index = self._pixels.with_suffix(".json")  # written last: without it the pixels do not count
        self._size = size
        self._count = len(files)
        self._writes = writes
        self.warning: str | None = None

    def issues(self) -> dict[str, str] | None:
        """Returns why files could not be decoded, by name; None if no pixels, or damaged ones, are kept."""
        try:
            index = json.loads(self._index.read_text(encoding="utf-8"))
            issues, crc = dict(index["issues"]), index["crc32"]
            with self._pixels.open("rb") as file:
                is_whole = os.fstat(file.fileno()).st_size == (self._count - len(issues)) * 3 * self._size**2
                return issues if is_whole and _crc32(file) == crc else None
        except (OSError, ValueError, KeyError, TypeError):  # no file, or one that something else wrote
            return None

    def read(self) -> Iterator[Pixels]:
        """Yields the pixels, uint8 (3, size, size), of each file that could be decoded, in the listing's order."""
        shape = (3, self._size, self._size)
        with self._pixels.open("rb") as file:
            while content := file.read(3 * self._size**2):
                yield np.frombuffer(content, dtype=np.uint8).reshape(shape)

    @contextmanager
    def writing(self) -> Iterator[Write]:
        """Yields a function that keeps a file's name with its pixels or its issue. At the end, all of them count.

        A disk that is full or read-only is no error: `warning` says that nothing is kept.
        """
        if not self._writes:
            yield lambda name, pixels, issue: None
            return
        temporary = self._pixels.with_suffix(f".{os.getpid()}.tmp")
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            stream = temporary.open("wb")
        except OSError as error:
            self._warn(error)
            yield lambda name, pixels, issue: None
            return
        issues: dict[str, str] = {}
        crc = 0

        def write(name: str, pixels: Pixels | None, issue: str) -> None:
            nonlocal crc
            if pixels is None:
                issues[name] = issue
            elif self.warning is None:
                content = pixels.tobytes()
                crc = zlib.crc32(content, crc)
                try:
                    stream.write(content)
                except OSError as error:
                    self._warn(error)

        try:
            yield write
            if self.warning is None:
                self._publish(stream, temporary, {"issues": issues, "crc32": crc})
        finally:
            with suppress(OSError):
                stream.close()
            with suppress(OSError):  # after a success there is no temporary file left
                temporary.unlink()

    def _publish(self, stream: BinaryIO, temporary: Path, index: dict[str, object]) -> None:
        """Puts the pixels in the place of those of other listings of the root."""
        try:
            stream.close()
            for path in self._folder.iterdir():
                if path.suffix in (".pixels", ".json") and path.stem != self._pixels.stem:
                    path.unlink()
            os.replace(temporary, self._pixels)
            part = temporary.with_suffix(".part")
            part.write_text(json.dumps(index), encoding="utf-8")
            os.replace(part, self._index)
        except OSError as error:
            self._warn(error)

    def _warn(self, error: OSError) -> None:
        self.warning = (
            f"{self._folder}: the decoded images cannot be kept there: {error.strerror}; they are decoded at each "
            f"start; CIFAR_DATA_DIR chooses another place"
        )


def _crc32(file: BinaryIO) -> int:
    crc = 0
    while content := file.read(READ_BYTES):
        crc = zlib.crc32(content, crc)
    return crc
