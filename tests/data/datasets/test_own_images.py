"""Whether a root holds a person's own images: it does, it holds something else, or none is named."""

from pathlib import Path

from cifar_cli.data.datasets.own_images import look_for_own_images


def test_images_are_counted_with_their_classes(photos: Path) -> None:
    found = look_for_own_images(str(photos))
    assert (found.images, found.text) == (72, "there: 72 images of 3 classes")


def test_without_a_root_the_key_is_named() -> None:
    found = look_for_own_images(None)
    assert (found.images, found.text) == (0, "your own images: data.root names their folder")


def test_another_folder_says_what_it_lacks(tmp_path: Path) -> None:
    found = look_for_own_images(str(tmp_path))
    assert found.images == 0
    assert found.text.startswith(f"not there: expected a folder train in {tmp_path}")


def test_the_folders_of_published_datasets_are_no_classes(tmp_path: Path) -> None:
    for folder in ("cifar-10-batches-py", "cifar-100-python"):
        (tmp_path / folder).mkdir()
        (tmp_path / folder / "batch").write_bytes(b"x")
        (tmp_path / folder / "meta").write_bytes(b"x")
    found = look_for_own_images(str(tmp_path))
    assert (found.images, found.text) == (0, "not there: expected a folder for each class, found cifar10, cifar100")
