"""Unpacks a downloaded archive, which can write only into its own folder."""

import gzip
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath

from cifar_cli.errors import DataError

MAX_UNPACKED_BYTES = 1_000_000_000  # five times CIFAR-10's size
MAX_HEADER_BYTES = 100_000  # tarfile reads headers into memory whole before it returns the member


def unpack(archive: Path, *, root: Path, folder: str, max_bytes: int = MAX_UNPACKED_BYTES) -> Path:
    """Unpacks a .tar.gz whose members are all plain files directly in `folder`, and returns `root / folder`.

    Files appear there whole or not at all; files of the same name are replaced. Raises DataError where the archive is
    damaged, holds anything else, or is too large.
    """
    target = root / folder
    try:
        # Beside the target, so that a renaming moves the files.
        with tempfile.TemporaryDirectory(dir=root, prefix=f".{folder}-") as staging:
            names = _extract_files(archive, Path(staging), folder=folder, max_bytes=max_bytes)
            target.mkdir(exist_ok=True)
            for name in names:
                os.replace(Path(staging) / name, target / name)
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{archive}: cannot be unpacked: {error}; delete it and fetch it anew") from None
    except OSError as error:
        raise DataError(
            f"{target}: cannot be written: {error.strerror}; choose another folder with data.root"
        ) from None
    return target


def _extract_files(archive: Path, staging: Path, *, folder: str, max_bytes: int) -> list[str]:
    names, unpacked_bytes = [], 0
    with _LimitedGzipFile(archive) as stream, tarfile.open(fileobj=stream, mode="r:") as tar:
        for member in tar:
            if member.isdir() and member.name == folder:
                continue
            path = PurePosixPath(member.name)
            if not member.isfile() or path.parts != (folder, path.name) or path.name == "..":
                raise DataError(
                    f"{archive}: expected nothing but files in {folder}/, found '{member.name}'; nothing was unpacked; "
                    "delete it and fetch it from a mirror that you trust"
                )
            unpacked_bytes += member.size
            if unpacked_bytes > max_bytes:
                raise DataError(
                    f"{archive}: expected at most {max_bytes} bytes unpacked, found more; nothing was unpacked; "
                    "delete it and fetch it from a mirror that you trust"
                )
            # Only the bytes are taken: no owner, permissions or links.
            source = tar.extractfile(member)
            assert source is not None, member.name
            stream.readable_bytes = member.size
            with source, (staging / path.name).open("wb") as file:
                shutil.copyfileobj(source, file)
            stream.readable_bytes = MAX_HEADER_BYTES
            names.append(path.name)
    return names


class _LimitedGzipFile(gzip.GzipFile):
    """A gzip file whose reads are refused beyond `readable_bytes`: the room for a header, or the size of a member."""

    def __init__(self, path: Path) -> None:
        super().__init__(path, "rb")
        self.readable_bytes = MAX_HEADER_BYTES

    def read(self, size: int | None = -1) -> bytes:
        if size is None or not 0 <= size <= self.readable_bytes:  # None and -1 mean: to the end
            raise tarfile.ReadError(f"a header of more than {MAX_HEADER_BYTES} bytes")
        self.readable_bytes -= size
        return super().read(size)
