"""Unpacks a downloaded archive, which can write only into its own folder."""

import gzip
import os
import shutil
import tarfile
import tempfile
import zlib
from pathlib import Path, PurePosixPath
from typing import Self

from cifar_cli.errors import DataError

MAX_UNPACKED_BYTES = 1_000_000_000  # five times CIFAR-10's size
MAX_HEADER_BYTES = 100_000
# Headers that extend a member's own; tarfile reads them into memory whole before it returns the member.
_LONG_HEADERS = (
    tarfile.XHDTYPE,
    tarfile.XGLTYPE,
    tarfile.SOLARIS_XHDTYPE,
    tarfile.GNUTYPE_LONGNAME,
    tarfile.GNUTYPE_LONGLINK,
)


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
    with tarfile.open(archive, "r:gz", tarinfo=_ShortTarInfo) as tar:
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
            with source, (staging / path.name).open("wb") as file:
                shutil.copyfileobj(source, file)
            names.append(path.name)
    return names


class _ShortTarInfo(tarfile.TarInfo):
    """A member's header; a long extension header is refused before it is read."""

    @classmethod
    def frombuf(cls, buf: bytes | bytearray, encoding: str, errors: str) -> Self:
        header = super().frombuf(buf, encoding, errors)
        if header.type in _LONG_HEADERS and header.size > MAX_HEADER_BYTES:
            raise tarfile.ReadError(f"a header of {header.size} bytes")
        return header
