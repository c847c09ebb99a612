"""Opens a checkpoint's zip archive and checks the archive's structure, sizes and checksums."""

import zipfile
from pathlib import Path, PurePosixPath
from typing import NamedTuple

MAX_PICKLE_BYTES = 4 * 2**20  # a network of a thousand layers takes a tenth of that
MAX_PARTS = 100_000


class CheckpointArchive(NamedTuple):
    """A checkpoint's pickle, and the size of each tensor storage in bytes, by the storage's name."""

    pickled: bytes
    storage_bytes: dict[str, int]


class ArchiveFormatError(Exception):
    """The archive is whole, but `torch.save` writes no such archive. The text says what was found."""


class UnreadableArchiveError(Exception):
    """The file is a part of an archive, or no archive at all."""


class DamagedArchiveError(Exception):
    """A part of the archive does not match its checksum. The text is the part's name."""


ARCHIVE_ERRORS = (UnreadableArchiveError, DamagedArchiveError, ArchiveFormatError)


def open_checkpoint_archive(path: Path) -> CheckpointArchive:
    """Returns the archive's pickle and storage sizes, after a check of all checksums, which torch does not check.

    Raises UnreadableArchiveError, DamagedArchiveError, ArchiveFormatError, and OSError for a file that cannot be read.
    """
    try:
        return _read_archive(path)
    except (OSError, *ARCHIVE_ERRORS):
        raise
    except Exception as error:  # zipfile raises a dozen different errors for broken archives
        raise UnreadableArchiveError from error


def _read_archive(path: Path) -> CheckpointArchive:
    with zipfile.ZipFile(path) as archive:
        parts = archive.infolist()
        _check_structure(archive, parts, file_bytes=path.stat().st_size)
        if damaged := archive.testzip():
            raise DamagedArchiveError(damaged)
        folder = PurePosixPath(parts[0].filename).parts[0]
        pickled = archive.read(f"{folder}/data.pkl")
    prefix = f"{folder}/data/"
    sizes = {part.filename.removeprefix(prefix): part.file_size for part in parts if part.filename.startswith(prefix)}
    return CheckpointArchive(pickled, sizes)


def _check_structure(archive: zipfile.ZipFile, parts: list[zipfile.ZipInfo], *, file_bytes: int) -> None:
    """Raises ArchiveFormatError for anything that `torch.save` never writes, before a byte is unpacked."""
    if not parts or len(parts) > MAX_PARTS:
        raise ArchiveFormatError(f"an archive of {len(parts):,} parts")
    if archive.comment or min(part.header_offset for part in parts) != 0:
        raise ArchiveFormatError("an archive with other bytes before or after it")
    names = {part.filename for part in parts}
    if len(names) < len(parts):
        raise ArchiveFormatError("an archive with two parts of one name")
    for part in parts:
        folders = PurePosixPath(part.filename).parts
        if part.filename.startswith("/") or ".." in folders or folders[0] != PurePosixPath(parts[0].filename).parts[0]:
            raise ArchiveFormatError(f"the part {part.filename!r}, outside its folder")
        if part.compress_type != zipfile.ZIP_STORED or part.file_size != part.compress_size:
            raise ArchiveFormatError(f"the part {part.filename!r}, compressed")
    if sum(part.file_size for part in parts) > file_bytes:
        raise ArchiveFormatError("parts that are larger together than the file")
    pickle = f"{PurePosixPath(parts[0].filename).parts[0]}/data.pkl"
    if pickle not in names:
        raise ArchiveFormatError("another kind of file")
    if (size := archive.getinfo(pickle).file_size) > MAX_PICKLE_BYTES:
        raise ArchiveFormatError(f"{size:,} bytes of plain values, more than {MAX_PICKLE_BYTES:,}")
