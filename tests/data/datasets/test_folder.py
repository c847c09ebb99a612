"""Opening a person's own images: pixels, labels and statistics against Pillow and NumPy, and what is refused."""

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image
from torchvision.datasets import ImageFolder
from torchvision.transforms import v2

from cifar_cli.data.datasets import folder as folder_module
from cifar_cli.data.datasets.folder import channel_statistics, open_folder
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.errors import DataError


@pytest.fixture
def open_photos(photos: Path, tmp_path: Path) -> Callable[..., Splits]:
    """Returns a function that opens the photos, or another root, with pixels kept in the test's own folder."""

    def open_(root: Path = photos, val_size: int | None = 0, **keys: Any) -> Splits:
        return open_folder(root, kept_folder=tmp_path / "decoded", val_size=val_size, **keys)

    return open_


@pytest.fixture
def own(photos: Path, tmp_path: Path) -> Path:
    """A copy of the photos, to be changed."""
    return Path(shutil.copytree(photos, tmp_path / "photos"))


def test_images_and_labels_are_those_of_torchvisions_image_folder(
    photos: Path, open_photos: Callable[..., Splits]
) -> None:
    splits = open_photos(image_size=24)
    convert = v2.Compose([v2.Resize(24, antialias=True), v2.CenterCrop(24), v2.PILToTensor()])
    for split, images in (("train", splits.train), ("test", splits.test)):
        expected = ImageFolder(str(photos / split), transform=convert, is_valid_file=lambda path: True)
        assert images.class_names == tuple(expected.classes)
        pairs = [(bytes(image.numpy()), label) for image, label in expected]
        assert sorted(zip(map(bytes, images.images.numpy()), images.labels.tolist(), strict=True)) == sorted(pairs)
        assert images.labels[:6].tolist() == [0, 1, 2, 0, 1, 2]  # the first few, which are drawn, are of all classes
    assert splits.val is None
    assert splits.root == photos


def test_validation_images_are_training_images_of_each_class(open_photos: Callable[..., Splits]) -> None:
    whole, splits = open_photos(), open_photos(val_size=6)
    assert splits.val is not None
    assert torch.bincount(splits.val.labels).tolist() == [2, 2, 2]
    parts = torch.cat([splits.train.images, splits.val.images])
    assert sorted(map(bytes, parts.numpy())) == sorted(map(bytes, whole.train.images.numpy()))


def test_mean_and_deviation_are_numpys_over_all_training_images_and_kept_if_given(
    open_photos: Callable[..., Splits],
) -> None:
    splits = open_photos(val_size=6)
    assert splits.val is not None
    pixels = np.concatenate([splits.train.images.numpy(), splits.val.images.numpy()]) / 255
    assert splits.mean == pytest.approx(pixels.mean(axis=(0, 2, 3)), abs=1e-6)
    assert splits.std == pytest.approx(pixels.std(axis=(0, 2, 3)), abs=1e-6)
    assert open_photos(val_size=0).mean == splits.mean
    given = open_photos(mean=(0.1, 0.2, 0.3), std=(0.4, 0.5, 0.6))
    assert (given.mean, given.std) == ((0.1, 0.2, 0.3), (0.4, 0.5, 0.6))


def test_a_channel_that_never_changes_is_only_centred() -> None:
    images = torch.zeros(5, 3, 2, 2, dtype=torch.uint8)
    images[:, 1] = 51
    images[:2, 2] = 255
    mean, std = channel_statistics([images[:3], images[3:], images[:0]])
    assert mean == (0.0, 0.2, 0.4)
    assert std == (1.0, 1.0, pytest.approx(0.24**0.5, abs=1e-6))


def test_files_that_are_no_pictures_are_all_named_in_one_error(own: Path, open_photos: Callable[..., Splits]) -> None:
    (own / "train" / "ball" / "a.jpg").write_bytes(b"")
    (own / "train" / "ça" / "notes.txt").write_text("a word")
    with pytest.raises(DataError) as caught:
        open_photos(own)
    assert str(caught.value).splitlines() == [
        f"{own}: 2 files are no pictures that can be read:",
        "  train/ball/a.jpg: is empty",
        "  train/ça/notes.txt: is no picture in a format that is known here",
        "mend or remove them, or leave them out with data.skip_unreadable=true",
    ]


def test_they_are_left_out_only_if_the_key_says_so_and_that_is_told(
    own: Path, photos: Path, open_photos: Callable[..., Splits]
) -> None:
    (own / "train" / "ball" / "a.jpg").write_bytes(b"")
    for _ in range(2):  # decoded, and then as kept
        splits = open_photos(own, skip_unreadable=True)
        assert sorted(map(bytes, splits.train.images.numpy())) == sorted(map(bytes, open_photos().train.images.numpy()))
        assert torch.bincount(splits.train.labels).tolist() == [20, 20, 20]
        assert splits.warnings == (
            f"left out: {own}: 1 file is no picture that can be read:\n  train/ball/a.jpg: is empty",
        )


def test_a_long_list_of_files_is_cut(own: Path, open_photos: Callable[..., Splits]) -> None:
    for number in range(60):
        (own / "train" / "ball" / f"z{number:02}.jpg").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        open_photos(own)
    lines = str(caught.value).splitlines()
    assert (len(lines), lines[-2]) == (53, "  and 10 more")


def test_no_picture_left_in_a_class_is_told_and_none_at_all_is_an_error(
    own: Path, open_photos: Callable[..., Splits]
) -> None:
    for path in (own / "test").rglob("*.*"):
        if path.parent.name != "ball":
            path.write_bytes(b"")
    warnings = open_photos(own, skip_unreadable=True).warnings
    assert warnings[0] == "no image to test with of 2 of the 3 classes: crate box, ça"
    for path in (own / "test" / "ball").iterdir():
        path.write_bytes(b"")
    with pytest.raises(DataError, match="expected images to test with, found none that can be read; add some"):
        open_photos(own, skip_unreadable=True)


def test_a_changed_picture_is_decoded_again(own: Path, open_photos: Callable[..., Splits]) -> None:
    before = open_photos(own, image_size=8)
    path = sorted((own / "train" / "ball").iterdir())[0]
    Image.new("RGB", (8, 8), (1, 2, 3)).save(path.with_suffix(".png"))
    path.with_suffix(".png").rename(path)
    after = open_photos(own, image_size=8)
    assert after.train.images[0, :, 4, 4].tolist() == [1, 2, 3]
    assert torch.equal(after.train.images[1:], before.train.images[1:])


def test_other_files_than_the_configurations_are_refused(own: Path, open_photos: Callable[..., Splits]) -> None:
    with pytest.raises(DataError) as caught:
        open_photos(own, classes={"ball": 20, "ça": 19}, fingerprint="0123456789abcdef")
    assert str(caught.value) == (
        f"{own}: expected the files of 39 images in 2 classes that the configuration was made for, found others: 60 "
        "images in 3 classes; bring the files back, or train anew on those of today, with data.fingerprint=null "
        "data.classes=null data.val_size=null data.mean=null data.std=null"
    )


def test_the_configurations_classes_decide_the_order_of_the_labels(photos: Path, open_photos: Callable[..., Splits]):
    splits = open_photos(classes={"ça": 20, "crate box": 20, "ball": 20})
    assert splits.train.class_names == ("ça", "crate box", "ball")
    assert splits.train.labels.tolist() == [2, 1, 0] * 20


def test_a_root_that_is_not_there_and_none_are_named(tmp_path: Path, open_photos: Callable[..., Splits]) -> None:
    with pytest.raises(DataError, match=f"^data.root: expected a folder .*, found nothing at {tmp_path}/none; write"):
        open_photos(tmp_path / "none")
    with pytest.raises(DataError, match=r"^data\.root: expected the folder of your images"):
        open_photos(None)


def test_images_too_large_for_the_memory_are_refused_with_a_size_that_fits(
    photos: Path, open_photos: Callable[..., Splits], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_module, "available_memory_bytes", lambda: 2**20)
    with pytest.raises(DataError) as caught:
        open_photos(image_size=100)
    assert str(caught.value) == (
        f"{photos}: expected images that fit into the 1 MiB of memory that are free, found 72 of 100×100 pixels, which "
        "take 2.06 MiB; write for example data.image_size=49"
    )
    assert len(open_photos(image_size=49).train) == 60
