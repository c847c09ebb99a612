"""Finding the files of a folder: classes, splits, what is left out, and folders that cannot be trained on."""

import os
from pathlib import Path

import pytest

from cifar_cli.data.datasets.folder_files import find_files
from cifar_cli.data.datasets.listed_file import ListingError


def write(root: Path, *names: str) -> Path:
    """Writes a file of one byte at each name below the root."""
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_bytes(b"x")
    return root


def found(root: Path) -> dict[str, list[tuple[str, str]]]:
    return {split: [(file.name, file.label) for file in files] for split, files in find_files(root).splits.items()}


def test_the_folders_of_a_split_are_its_classes_with_all_files_below(tmp_path: Path) -> None:
    write(tmp_path, "train/cat/b.jpg", "train/cat/2021/a b.png", "train/dog/é.gif", "test/cat/c.jpg", "val/dog/d.jpg")
    assert found(tmp_path) == {
        "train": [("train/cat/2021/a b.png", "cat"), ("train/cat/b.jpg", "cat"), ("train/dog/é.gif", "dog")],
        "val": [("val/dog/d.jpg", "dog")],
        "test": [("test/cat/c.jpg", "cat")],
    }


def test_without_a_folder_train_each_folder_is_a_class_and_that_is_told(tmp_path: Path) -> None:
    write(tmp_path, "cat/a.jpg", "dog/b.jpg")
    assert found(tmp_path) == {"train": [("cat/a.jpg", "cat"), ("dog/b.jpg", "dog")]}
    assert find_files(tmp_path).notes == [f"{tmp_path} has no folder train: each of its 2 folders is a class"]


def test_other_usual_names_of_splits_are_splits_too_and_no_classes(tmp_path: Path) -> None:
    write(tmp_path, "Training/cat/a.jpg", "valid/cat/b.jpg", "TEST/cat/c.jpg")
    assert found(tmp_path) == {
        "train": [("Training/cat/a.jpg", "cat")],
        "val": [("valid/cat/b.jpg", "cat")],
        "test": [("TEST/cat/c.jpg", "cat")],
    }
    assert find_files(tmp_path).warnings == []


def test_classes_may_be_called_as_splits_where_there_is_no_folder_train(tmp_path: Path) -> None:
    write(tmp_path, "valid/a.jpg", "invalid/b.jpg")
    assert found(tmp_path) == {"train": [("invalid/b.jpg", "invalid"), ("valid/a.jpg", "valid")]}


def test_two_folders_of_one_split_are_told(tmp_path: Path) -> None:
    write(tmp_path, "train/cat/a.jpg", "val/cat/b.jpg", "validation/cat/b.jpg")
    with pytest.raises(ListingError, match=r"expected one folder val in .*, found val and validation; put the images"):
        find_files(tmp_path)


def test_pictures_without_folders_are_named(tmp_path: Path) -> None:
    write(tmp_path, "a.jpg", "b.jpg")
    with pytest.raises(ListingError, match=r"with a folder for each class, found a\.jpg, b\.jpg; make train/<class>/"):
        find_files(tmp_path)


def test_hidden_files_and_those_of_systems_are_no_images(tmp_path: Path) -> None:
    write(tmp_path, "train/cat/a.jpg", "train/cat/.DS_Store", "train/cat/._a.jpg", "train/cat/Thumbs.db")
    write(tmp_path, "train/dog/desktop.ini", "train/dog/b.jpg", "train/__MACOSX/cat/a.jpg", "train/.git/x", ".cache/y")
    assert found(tmp_path) == {"train": [("train/cat/a.jpg", "cat"), ("train/dog/b.jpg", "dog")]}
    assert find_files(tmp_path).warnings == []


def test_what_belongs_to_no_class_is_told(tmp_path: Path) -> None:
    write(tmp_path, "train/cat/a.jpg", "train/stray.jpg", "more/cat/b.jpg", "readme.txt")
    assert find_files(tmp_path).warnings == [
        f"{tmp_path}: left out, as no part of a class's folder: more, readme.txt, train/stray.jpg"
    ]


def test_a_name_is_the_same_class_however_its_accents_are_stored(tmp_path: Path) -> None:
    write(tmp_path, "train/caf\u00e9/a.jpg", "test/cafe\u0301/b.jpg")
    assert {label for files in found(tmp_path).values() for _, label in files} == {"caf\u00e9"}


def test_links_to_files_and_folders_are_followed(tmp_path: Path) -> None:
    elsewhere = write(tmp_path / "elsewhere", "a.jpg", "cats/b.jpg")
    (tmp_path / "photos" / "train" / "cat").mkdir(parents=True)
    (tmp_path / "photos" / "train" / "cat" / "link.jpg").symlink_to(elsewhere / "a.jpg")
    (tmp_path / "photos" / "train" / "dog").symlink_to(elsewhere / "cats")
    names = [("train/cat/link.jpg", "cat"), ("train/dog/b.jpg", "dog")]
    assert found(tmp_path / "photos") == {"train": names}


@pytest.mark.parametrize("target", ["..", "../dog", "."])
def test_a_link_back_is_named(target: str, tmp_path: Path) -> None:
    write(tmp_path, "train/cat/a.jpg", "train/dog/b.jpg")
    (tmp_path / "train" / "cat" / "back").symlink_to(target)
    with pytest.raises(ListingError) as caught:
        find_files(tmp_path)
    back = tmp_path / "train" / "cat" / "back"
    assert str(caught.value) == f"{back}: expected a folder of its own, found a link to {back.resolve()}; remove it"


def test_a_link_to_nothing_and_a_pipe_are_files_that_cannot_be_opened(tmp_path: Path) -> None:
    write(tmp_path, "train/cat/a.jpg")
    (tmp_path / "train" / "cat" / "broken.jpg").symlink_to("nowhere")
    os.mkfifo(tmp_path / "train" / "cat" / "pipe.jpg")
    issues = {file.name: file.issue for file in find_files(tmp_path).splits["train"]}
    assert issues == {
        "train/cat/a.jpg": None,
        "train/cat/broken.jpg": "is a link to nothing",
        "train/cat/pipe.jpg": "is no file",
    }


@pytest.mark.parametrize("names", [(), ("test/cat/a.jpg",), ("a.jpg",)])
def test_a_folder_without_classes_is_refused(names: tuple[str, ...], tmp_path: Path) -> None:
    write(tmp_path, *names)
    with pytest.raises(ListingError, match=rf"expected a folder train in {tmp_path}, with a folder for each class"):
        find_files(tmp_path)


def test_a_folder_that_is_not_there_is_named(tmp_path: Path) -> None:
    with pytest.raises(ListingError) as caught:
        find_files(tmp_path / "photos")
    assert str(caught.value) == (
        f"expected a folder with train/<class>/ or a CSV of path,label, found nothing at {tmp_path}/photos; "
        "write the folder of your images"
    )


@pytest.mark.parametrize("name", ["a\nb", "a\tb", "\udcff", "x" * 101])
def test_a_class_whose_name_cannot_be_shown_is_refused(name: str, tmp_path: Path) -> None:
    try:
        write(tmp_path, f"train/{name}/a.jpg")
    except (OSError, UnicodeError):
        pytest.skip("this file system has no such names")
    with pytest.raises(ListingError, match=r"expected a class's name of (printable|at most 100) characters, found"):
        find_files(tmp_path)
