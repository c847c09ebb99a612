"""Decoding the files of a listing: in order, each once, and the second time from the kept pixels."""

from pathlib import Path

import numpy as np
import pytest

from cifar_cli.data.datasets import decoded_images
from cifar_cli.data.datasets.decode_image import decode_image
from cifar_cli.data.datasets.decoded_images import DecodedImage, decode_files, read_images
from cifar_cli.data.datasets.folder_listing import list_folder
from cifar_cli.data.datasets.kept_pixels import KeptPixels
from cifar_cli.data.datasets.listed_file import ListedFile


@pytest.fixture
def files(photos: Path) -> list[ListedFile]:
    return list_folder(photos, val_size=None).files


def test_every_file_is_decoded_in_order_and_the_progress_is_told(
    files: list[ListedFile], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(decoded_images, "FILES_AT_A_TIME", 25)
    told: list[tuple[int, int]] = []
    images = list(decode_files(files, size=8, on_decoded=lambda done, total: told.append((done, total))))
    assert [image.file for image in images] == files
    for image in images[::7]:
        assert image.pixels is not None
        assert np.array_equal(image.pixels, decode_image(image.file.path, size=8))
    assert told == [(16, 72), (32, 72), (48, 72), (64, 72), (72, 72)]


def test_the_second_time_nothing_is_decoded_and_the_pixels_are_equal(
    files: list[ListedFile], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "b.jpg").write_bytes(b"")
    files = [ListedFile(tmp_path / "b.jpg", "b.jpg", "ball", size_bytes=0, modified_ns=0), *files]

    def read() -> list[DecodedImage]:
        kept = KeptPixels(files, root=tmp_path, size=8, folder=tmp_path / "decoded")
        return list(read_images(files, size=8, kept=kept))

    first = read()
    monkeypatch.setattr(decoded_images, "decode_image", None)
    second = read()
    assert [image.issue for image in first] == [image.issue for image in second] == ["is empty", *[""] * 72]
    assert np.array_equal(*(np.stack([image.pixels for image in images[1:]]) for images in (first, second)))
