"""A dataset is found from its root, its own folder, its archive, a link, and the folder above."""

from pathlib import Path

import pytest

from cifar_cli.data.datasets.cifar import CIFAR10
from cifar_cli.data.datasets.fashion_mnist import FASHION_MNIST
from cifar_cli.data.datasets.locate import locate_root
from cifar_cli.errors import UsageError


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "sets" / "images"
    (folder / "cifar-10-batches-py").mkdir(parents=True)
    (folder / "FashionMNIST" / "raw").mkdir(parents=True)
    return folder


@pytest.mark.parametrize("given", [".", "cifar-10-batches-py", ".."])
def test_the_root_its_folder_and_the_folder_above_lead_to_the_root(given: str, root: Path) -> None:
    assert locate_root(root / given, CIFAR10).resolve() == root


@pytest.mark.parametrize("given", [".", "FashionMNIST", "FashionMNIST/raw", ".."])
def test_a_folder_of_two_levels_is_found_from_both(given: str, root: Path) -> None:
    assert locate_root(root / given, FASHION_MNIST).resolve() == root


def test_the_folder_is_found_relative_to_itself_and_through_a_link(
    root: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(root / "cifar-10-batches-py")
    assert locate_root(Path("."), CIFAR10) == root
    (tmp_path / "pictures").symlink_to(root / "cifar-10-batches-py")
    assert locate_root(tmp_path / "pictures", CIFAR10) == root


def test_an_archive_stands_for_its_folder(tmp_path: Path) -> None:
    archive = tmp_path / "sets" / "cifar-10-python.tar.gz"
    archive.parent.mkdir()
    archive.touch()
    for given in (archive, archive.parent, tmp_path):
        assert locate_root(given, CIFAR10) == archive.parent


def test_another_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").touch()
    with pytest.raises(UsageError) as caught:
        locate_root(tmp_path / "notes.txt", CIFAR10)
    assert str(caught.value) == (
        f"{tmp_path}/notes.txt: expected a folder or cifar-10-python.tar.gz, found another file; "
        "name the folder that holds cifar-10-batches-py"
    )


def test_a_folder_without_the_dataset_stays_as_it_is(tmp_path: Path) -> None:
    assert locate_root(tmp_path, CIFAR10) == tmp_path
    assert locate_root(tmp_path / "new", CIFAR10) == tmp_path / "new"
