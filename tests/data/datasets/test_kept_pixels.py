"""Decoded pixels that are kept: read again as they were, never for other files, and never half of them."""

import os
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from cifar_cli.data.datasets.kept_pixels import KeptPixels
from cifar_cli.data.datasets.listed_file import ListedFile

SIZE = 4
FILES = [
    ListedFile(Path("/photos") / name, name, "cat", size_bytes=7, modified_ns=8) for name in ("a.jpg", "b.jpg", "c.jpg")
]
PIXELS = np.random.RandomState(0).randint(256, size=(3, 3, SIZE, SIZE), dtype=np.uint8)


def kept_pixels(
    folder: Path, files: list[ListedFile] = FILES, *, root: str = "/photos", size: int = SIZE
) -> KeptPixels:
    return KeptPixels(files, root=Path(root), size=size, folder=folder)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder that keeps the pixels of a.jpg and c.jpg, and the reason why b.jpg has none."""
    with kept_pixels(tmp_path).writing() as write:
        write("a.jpg", PIXELS[0], "")
        write("b.jpg", None, "is empty")
        write("c.jpg", PIXELS[2], "")
    return tmp_path


def test_pixels_and_issues_are_read_as_they_were_written(folder: Path) -> None:
    kept = kept_pixels(folder)
    assert kept.issues() == {"b.jpg": "is empty"}
    assert np.array_equal(np.stack(list(kept.read())), PIXELS[[0, 2]])
    assert kept.warning is None


@pytest.mark.parametrize("change", [{"name": "d.jpg"}, {"size_bytes": 9}, {"modified_ns": 9}])
def test_a_changed_file_and_another_size_and_root_have_none(change: dict[str, object], folder: Path) -> None:
    changed = [replace(FILES[0], **change), *FILES[1:]]  # type: ignore[arg-type]
    assert kept_pixels(folder, changed).issues() is None
    assert kept_pixels(folder, FILES[:2]).issues() is None
    assert kept_pixels(folder, size=5).issues() is None
    assert kept_pixels(folder, root="/other/photos").issues() is None


def test_the_pixels_of_a_changed_folder_take_the_place_of_the_former(folder: Path) -> None:
    with kept_pixels(folder, FILES[:1]).writing() as write:
        write("a.jpg", PIXELS[0], "")
    (place,) = folder.iterdir()
    assert len(list(place.iterdir())) == 2
    assert kept_pixels(folder, FILES[:1]).issues() == {}


@pytest.mark.parametrize("damage", ["cut", "flipped", "index", "no index"])
def test_damaged_pixels_do_not_count(damage: str, folder: Path) -> None:
    (pixels,), (index,) = folder.rglob("*.pixels"), folder.rglob("*.json")
    content = pixels.read_bytes()
    if damage == "cut":
        pixels.write_bytes(content[:-1])
    elif damage == "flipped":
        pixels.write_bytes(bytes([content[0] ^ 1]) + content[1:])
    elif damage == "index":
        index.write_text("[1]")
    else:
        index.unlink()
    assert kept_pixels(folder).issues() is None


def test_nothing_is_written_where_nothing_may_be(tmp_path: Path) -> None:
    kept = KeptPixels(FILES, root=Path("/photos"), size=SIZE, folder=tmp_path / "decoded", writes=False)
    with kept.writing() as write:
        write("a.jpg", PIXELS[0], "")
    assert (list(tmp_path.iterdir()), kept.warning) == ([], None)


def test_what_is_interrupted_keeps_nothing(tmp_path: Path) -> None:
    def interrupted() -> None:
        with kept_pixels(tmp_path).writing() as write:
            write("a.jpg", PIXELS[0], "")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        interrupted()
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []


def test_a_place_that_cannot_be_written_is_told_and_no_error(tmp_path: Path) -> None:
    (tmp_path / "decoded").write_text("a file in the way")
    kept = kept_pixels(tmp_path / "decoded")
    with kept.writing() as write:
        write("a.jpg", PIXELS[0], "")
    assert kept.warning is not None
    assert "the decoded images cannot be kept there: Not a directory; they are decoded at each start" in kept.warning


@pytest.mark.skipif(not os.path.exists("/dev/full"), reason="no /dev/full to stand for a full disk")
def test_a_full_disk_is_told_and_no_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    open_file = Path.open
    monkeypatch.setattr(Path, "open", lambda path, mode: open_file(Path("/dev/full"), mode))
    kept = kept_pixels(tmp_path)
    with kept.writing() as write:
        for _ in range(5000):
            write("a.jpg", PIXELS[0], "")
    assert kept.warning is not None
    assert "No space left on device" in kept.warning
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == []
