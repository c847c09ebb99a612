"""A file is the old one or the new one, never half of one."""

import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

import pytest

from cifar_cli.errors import RunError
from cifar_cli.runs.atomic_files import write_atomically, write_text


def test_text_is_written_as_utf8(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "3×32×32\n")
    assert path.read_bytes() == "3×32×32\n".encode()
    assert list(path.parent.iterdir()) == [path]


def test_a_folder_that_has_vanished_is_an_error_and_is_not_created(tmp_path: Path) -> None:
    path = tmp_path / "gone" / "note.txt"
    with pytest.raises(RunError, match="could not be written: No such file or directory"):
        write_text(path, "")
    assert not path.parent.exists()


def fail_halfway(error: BaseException) -> object:
    def write(file: BinaryIO) -> None:
        file.write(b"half of the ne")
        raise error

    return write


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (OSError(28, "No space left on device"), "No space left on device; free space"),
        (OSError("unnamed"), "unnamed; free space, or mend the folder's rights"),
    ],
)
def test_a_write_that_fails_halfway_leaves_the_old_file_and_nothing_else(
    tmp_path: Path, error: Exception, reason: str
) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")
    with pytest.raises(RunError) as caught:
        write_atomically(path, fail_halfway(error))
    assert str(caught.value) == f"{path}: could not be written: {reason}"
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_ctrl_c_halfway_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")
    with pytest.raises(KeyboardInterrupt):
        write_atomically(path, fail_halfway(KeyboardInterrupt()))
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]


def test_the_new_file_is_flushed_before_it_replaces_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    events: list[str] = []
    real_fsync, real_replace = os.fsync, os.replace
    monkeypatch.setattr(os, "fsync", lambda descriptor: (events.append("fsync"), real_fsync(descriptor))[1])
    monkeypatch.setattr(os, "replace", lambda old, new: (events.append("replace"), real_replace(old, new))[1])
    write_text(tmp_path / "note.txt", "new")
    assert events[:2] == ["fsync", "replace"]


def test_the_folder_is_flushed_after_the_new_file_replaced_the_old_file(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, flushed_with = tmp_path / "note.txt", list[str]()
    write_text(path, "old")
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        if os.path.samestat(os.fstat(descriptor), tmp_path.stat()):
            flushed_with.append(path.read_text())
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(path, "new")
    assert flushed_with == ["new"]


def test_an_error_of_the_disk_while_the_folder_is_flushed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EIO, "Input/output error")

    monkeypatch.setattr(os, "fsync", fsync)
    with pytest.raises(RunError, match=r"note\.txt: could not be written: Input/output error"):
        write_text(tmp_path / "note.txt", "new")


def test_a_new_file_that_fails_its_check_does_not_replace_the_old_file(tmp_path: Path) -> None:
    path = tmp_path / "note.txt"
    write_text(path, "old")
    checked: list[str] = []

    def check(new: Path) -> None:
        checked.append(new.read_text())
        raise RunError("damaged on its way to the disk")

    with pytest.raises(RunError, match="damaged on its way to the disk"):
        write_atomically(path, lambda file: file.write(b"new"), check=check, previous=tmp_path / "previous.txt")
    assert checked == ["new"]
    assert path.read_text() == "old"
    assert list(tmp_path.iterdir()) == [path]  # the old file is not yet the previous one either


def test_a_file_system_that_cannot_flush_folders_is_written_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_fsync = os.fsync

    def fsync(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")  # as shares of virtual machines answer
        real_fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync)
    write_text(tmp_path / "note.txt", "new")
    assert (tmp_path / "note.txt").read_text() == "new"


def test_a_file_where_the_folder_should_be_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "run").write_text("a file")
    with pytest.raises(RunError, match=r"could not be written: (File exists|Not a directory); a file stands in "):
        write_text(tmp_path / "run" / "summary.json", "{}")
