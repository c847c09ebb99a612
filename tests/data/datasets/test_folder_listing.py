"""The listing of a person's own images: its splits, its fingerprint, and images that cannot be trained on."""

import os
from collections import Counter
from pathlib import Path

import pytest

from cifar_cli.data.datasets.folder_listing import FolderListing, absolute_root, list_folder, look_at_folder
from cifar_cli.data.datasets.listed_file import ListingError


def make(root: Path, **counts: int) -> Path:
    """Writes so many files of each split and class: make(root, train_cat=3)."""
    for place, count in counts.items():
        split, _, label = place.partition("_")
        (root / split / label).mkdir(parents=True)
        for index in range(count):
            (root / split / label / f"{index:04}.jpg").write_bytes(b"x" * (index + 1))
    return root


def sizes(listing: FolderListing) -> dict[str, dict[str, int]]:
    return {split: dict(Counter(file.label for file in files)) for split, files in listing.splits.items()}


def test_a_folder_alone_gives_a_fifth_to_the_test_and_a_tenth_of_the_rest_to_validation(tmp_path: Path) -> None:
    listing = list_folder(make(tmp_path, train_cat=50, train_dog=100), val_size=None)
    assert sizes(listing) == {
        "train": {"cat": 36, "dog": 72},
        "val": {"cat": 4, "dog": 8},
        "test": {"cat": 10, "dog": 20},
    }
    assert listing.class_sizes == {"cat": 40, "dog": 80}
    assert listing.notes == (
        f"{tmp_path} has no test images of its own: 30 of its 150 images, spread evenly over the classes, are the "
        f"test set, always the same",
    )
    names = [file.name for files in listing.splits.values() for file in files]
    assert len(names) == len(set(names)) == 150


def test_folders_of_their_own_are_taken_as_they_are(tmp_path: Path) -> None:
    make(tmp_path, train_cat=9, train_dog=8, val_cat=2, val_dog=1, test_cat=4)
    listing = list_folder(tmp_path, val_size=None)
    assert sizes(listing) == {"train": {"cat": 9, "dog": 8}, "val": {"cat": 2, "dog": 1}, "test": {"cat": 4}}
    assert listing.class_sizes == {"cat": 11, "dog": 9}
    assert listing.notes == ()
    assert sizes(list_folder(tmp_path, val_size=3)) == sizes(listing)  # as a run's configuration says


def test_validation_images_are_as_many_as_the_key_says(tmp_path: Path) -> None:
    make(tmp_path, train_cat=10, train_dog=10, test_cat=1)
    assert sizes(list_folder(tmp_path, val_size=4))["val"] == {"cat": 2, "dog": 2}
    assert sizes(list_folder(tmp_path, val_size=0))["val"] == {}


def test_the_classes_come_in_turn_in_proportion_to_their_sizes(tmp_path: Path) -> None:
    listing = list_folder(make(tmp_path, train_cat=6, train_dog=3, test_cat=1), val_size=0)
    assert [file.label for file in listing.splits["train"]] == ["cat", "dog", "cat"] * 3


def test_a_number_beside_a_folder_val_is_a_contradiction(tmp_path: Path) -> None:
    make(tmp_path, train_cat=9, train_dog=8, val_cat=2)
    with pytest.raises(ListingError) as caught:
        list_folder(tmp_path, val_size=5)
    assert caught.value.key == "val_size"
    assert caught.value.finding == f"expected null, as {tmp_path}/val has the 2 images held out, found 5"


def test_a_class_of_one_image_keeps_it_for_training(tmp_path: Path) -> None:
    listing = list_folder(make(tmp_path, train_cat=10, train_dog=1), val_size=None)
    assert sizes(listing)["train"]["dog"] == 1


def test_a_thousand_classes_are_listed(tmp_path: Path) -> None:
    listing = list_folder(make(tmp_path, **{f"train_{label:04}": 2 for label in range(1000)}), val_size=None)
    assert len(listing.class_names) == 1000
    assert sizes(listing)["train"].keys() == set(listing.class_names)
    assert len(listing.splits["test"]) == 400


def test_the_fingerprint_is_of_names_and_sizes_but_not_of_times_and_of_the_place(tmp_path: Path) -> None:
    def fingerprint(root: Path) -> str:
        return list_folder(root, val_size=None).fingerprint

    one, other = (make(tmp_path / name, train_cat=5, train_dog=5) for name in ("one", "other"))
    os.utime(one / "train" / "cat" / "0000.jpg", (1, 1))
    before = fingerprint(one)
    assert before == fingerprint(other)
    (one / "train" / "cat" / "0000.jpg").rename(one / "train" / "dog" / "cat.jpg")
    moved = fingerprint(one)
    (one / "train" / "dog" / "cat.jpg").write_bytes(b"another size")
    changed = fingerprint(one)
    make(one, test_cat=1)  # so that no training image is a test image any more
    with_test = fingerprint(one)
    assert len({before, moved, changed, with_test}) == 4
    make(one, test_dog=1)  # other test images are no reason to train anew
    assert fingerprint(one) == with_test


@pytest.mark.parametrize(
    ("counts", "message"),
    [
        ({"train_cat": 3}, "expected at least two classes to tell apart in {root}, found cat; "),
        ({"train_cat": 3, "train_dog": 0}, "expected an image in each class, found none in train/dog; "),
        ({"train_cat": 1, "train_dog": 1}, "expected more than one image in a class, found one in each of the 2, "),
        ({"train_cat": 3, "train_dog": 3, "test_cow": 1}, "expected in {root}/test the classes of train, found others"),
        ({"train_cat": 3, "train_dog": 3, "test_dog": 0}, "expected images in {root}/test, found none; remove"),
    ],
)  # fmt: skip
def test_images_that_cannot_be_trained_on_are_refused(counts: dict[str, int], message: str, tmp_path: Path) -> None:
    with pytest.raises(ListingError) as caught:
        list_folder(make(tmp_path, **counts), val_size=None)
    assert str(caught.value).startswith(message.format(root=tmp_path))


def test_a_look_answers_the_keys_of_the_configuration(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    make(tmp_path / "photos", train_cat=50, train_dog=100)
    monkeypatch.chdir(tmp_path)
    keys, issue = look_at_folder("photos", val_size=None)
    assert issue is None
    assert isinstance(keys.pop("fingerprint"), str)
    assert keys == {"root": f"{tmp_path}/photos", "classes": {"cat": 40, "dog": 80}, "val_size": 12}
    assert look_at_folder(None, val_size=None) == (
        {},
        ("root", "expected the folder of your images, or a CSV of path,label, found nothing", "write it"),
    )


def test_a_root_may_begin_with_the_home_folder() -> None:
    assert absolute_root("~/photos/../own") == Path.home() / "own"
