"""The archive of a checkpoint: its parts, and the refusal of archives that torch.save does not write."""

import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from cifar_cli.errors import CheckpointError
from cifar_cli.runs import checkpoint_archive
from cifar_cli.runs.checkpoint import load_checkpoint
from cifar_cli.runs.checkpoint_archive import (
    MAX_PICKLE_BYTES,
    ArchiveFormatError,
    DamagedArchiveError,
    UnreadableArchiveError,
    open_checkpoint_archive,
)


def test_the_storages_of_a_checkpoint_have_their_sizes(tmp_path: Path) -> None:
    torch.save({"floats": torch.zeros(5), "ints": torch.zeros(3, dtype=torch.int64)}, tmp_path / "a.pt")
    archive = open_checkpoint_archive(tmp_path / "a.pt")
    assert archive.storage_bytes == {"0": 20, "1": 24}
    assert archive.pickled.startswith(b"\x80\x02}")


def stored(archive: zipfile.ZipFile, *names: str) -> None:
    for name in names:
        archive.writestr(name, b"N.")


def bomb(archive: zipfile.ZipFile) -> None:
    archive.writestr("archive/data.pkl", bytes(50_000_000), compress_type=zipfile.ZIP_DEFLATED)


def overlapping(archive: zipfile.ZipFile) -> None:
    """Many names for the same bytes."""
    archive.writestr("archive/data.pkl", bytes(100_000))
    first = archive.infolist()[0]
    for number in range(10):
        other = zipfile.ZipInfo(f"archive/data/{number}")
        other.header_offset, other.CRC = first.header_offset, first.CRC
        other.file_size = other.compress_size = first.file_size
        archive.filelist.append(other)


@pytest.mark.parametrize(
    ("fill", "finding"),
    [
        (bomb, "the part 'archive/data.pkl', compressed"),
        (overlapping, "parts that are larger together than the file"),
        (lambda archive: stored(archive, "archive/data.pkl", "archive/../../evil"), "the part 'archive/../../evil', o"),
        (lambda archive: stored(archive, "archive/data.pkl", "/etc/evil"), "the part '/etc/evil', outside its folder"),
        (
            lambda archive: stored(archive, "archive/data.pkl", "other/data/0"),
            "the part 'other/data/0', outside its fo",
        ),
        (lambda archive: stored(archive, "archive/data.pkl", "archive/data.pkl"), "an archive with two parts of one n"),
        (
            lambda archive: setattr(archive, "comment", b"x") or stored(archive, "archive/data.pkl"),
            "an archive with other bytes",
        ),
        (lambda archive: stored(archive, "archive/other"), "another kind of file"),
        (lambda archive: None, "an archive of 0 parts"),
        (
            lambda archive: archive.writestr("archive/data.pkl", bytes(2**22 + 1)),
            "4,194,305 bytes of plain values, more than 4,194,304",
        ),
    ],
    ids=range(10),
)
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_archives_that_torch_does_not_write_are_refused_before_they_are_unpacked(
    tmp_path: Path, fill: Callable[[zipfile.ZipFile], None], finding: str
) -> None:
    path = tmp_path / "hostile.pt"
    with zipfile.ZipFile(path, "w") as archive:
        fill(archive)
    with pytest.raises(CheckpointError) as caught:
        load_checkpoint(path)
    message = str(caught.value)
    assert message.startswith(f"{path}: expected a checkpoint of this program, found {finding}")
    assert message.endswith("; name a run folder, or the checkpoint in one")


def test_a_part_that_is_listed_as_compressed_is_refused_whatever_its_size(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pt"
    torch.save({"format": 1}, path)
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\x01\x02") + 10] = zipfile.ZIP_DEFLATED  # the method, in the list at the archive's end
    path.write_bytes(content)
    with pytest.raises(CheckpointError, match=r"found the part '.*', compressed"):
        load_checkpoint(path)


def test_an_archive_may_have_as_many_parts_as_the_limit_and_no_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        stored(archive, "archive/data.pkl", "archive/data/0", "archive/data/1")
    monkeypatch.setattr(checkpoint_archive, "MAX_PARTS", 3)
    assert open_checkpoint_archive(path).storage_bytes == {"0": 2, "1": 2}
    monkeypatch.setattr(checkpoint_archive, "MAX_PARTS", 2)
    with pytest.raises(ArchiveFormatError, match=r"^an archive of 3 parts$"):
        open_checkpoint_archive(path)


def test_plain_values_may_have_as_many_bytes_as_the_limit(tmp_path: Path) -> None:
    path = tmp_path / "a.pt"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("archive/data.pkl", bytes(MAX_PICKLE_BYTES))
    assert len(open_checkpoint_archive(path).pickled) == MAX_PICKLE_BYTES == 2**22


def test_parts_may_be_together_as_large_as_the_file_and_no_larger(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pt"

    def write_with_second_part(size: int) -> int:
        """Writes an archive whose second part, of that size, lies over the first, of 100 bytes; returns its size."""
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("archive/data.pkl", bytes(100))
            second = zipfile.ZipInfo("archive/data/0")
            second.file_size = second.compress_size = size
            second.header_offset, second.CRC = 0, archive.infolist()[0].CRC
            archive.filelist.append(second)
        return path.stat().st_size

    file_bytes = write_with_second_part(0)
    assert write_with_second_part(file_bytes - 99) == file_bytes
    with pytest.raises(ArchiveFormatError, match=r"^parts that are larger together than the file$"):
        open_checkpoint_archive(path)
    write_with_second_part(file_bytes - 100)
    with pytest.raises(
        (UnreadableArchiveError, DamagedArchiveError)
    ):  # for what it finds where the second part should begin
        open_checkpoint_archive(path)


def test_bytes_before_the_archive_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "hostile.pt"
    torch.save({"format": 1}, path)
    path.write_bytes(b"#!/bin/sh\n" + path.read_bytes())
    with pytest.raises(CheckpointError, match="found an archive with other bytes before or after it"):
        load_checkpoint(path)
