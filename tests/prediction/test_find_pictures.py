"""Which files are asked about, and in which order."""

import os
from pathlib import Path

import pytest

from cifar_cli.prediction.find_pictures import find_pictures


def names_below(folder: Path) -> list[str]:
    with find_pictures([str(folder)]) as files:
        return [file.path.relative_to(folder).as_posix() for file in files]


def test_numbers_in_names_are_sorted_by_their_value(tmp_path: Path) -> None:
    for name in ("10.jpg", "9.jpg", "b2.png", "b10.png", "b1/7.png"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")
    assert names_below(tmp_path) == ["9.jpg", "10.jpg", "b1/7.png", "b2.png", "b10.png"]


def test_hidden_files_system_files_pipes_and_linked_folders_are_left_out(tmp_path: Path) -> None:
    (tmp_path / ".git").mkdir()
    for name in (".hidden", "Thumbs.db", "a.jpg", ".git/x.png"):
        (tmp_path / name).write_bytes(b"x")
    (tmp_path / "loop").symlink_to(tmp_path)
    (tmp_path / "b.jpg").symlink_to(tmp_path / "a.jpg")
    os.mkfifo(tmp_path / "pipe.jpg")
    assert names_below(tmp_path) == ["a.jpg", "b.jpg"]


def test_a_broken_link_is_kept_to_be_told(tmp_path: Path) -> None:
    (tmp_path / "gone.jpg").symlink_to(tmp_path / "nothing")
    assert names_below(tmp_path) == ["gone.jpg"]


def test_a_pipe_that_is_named_is_read_once(tmp_path: Path) -> None:
    reading, writing = os.pipe()
    os.write(writing, b"bytes")
    os.close(writing)
    with find_pictures([f"/dev/fd/{reading}"]) as (file,):
        assert file.path.read_bytes() == b"bytes"
        assert file.name == f"/dev/fd/{reading}"
    os.close(reading)
    assert not file.path.exists()


def test_home_and_variables_are_expanded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.jpg").write_bytes(b"x")
    monkeypatch.setenv("PHOTOS", str(tmp_path))
    with find_pictures(["$PHOTOS/a.jpg"]) as (file,):
        assert file.path == tmp_path / "a.jpg"
