"""`cifar data`: the output and the errors of its three commands."""

import hashlib
import io
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from cifar_cli.commands import data
from cifar_cli.data.datasets import cifar
from cifar_cli.data.datasets.cifar import CifarFiles
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.data.download.mirrors import Archive
from cifar_cli.errors import DataError, UsageError

CONTENTS = {"train": b"train images", "test": b"test images", "meta": b"class names"}


def md5(content: bytes) -> str:
    return hashlib.md5(content).hexdigest()


@pytest.fixture(autouse=True)
def small_cifar10(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Makes cifar10 a set of three small files, whose archive lies in the folder that is returned."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in CONTENTS.items():
            member = tarfile.TarInfo(f"small/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    parts = [{name: md5(content)} for name, content in CONTENTS.items()]
    files = CifarFiles("cifar10", "small", *parts, labels_key=b"", class_names_key=b"")
    archive = Archive("small.tar.gz", md5(buffer.getvalue()), len(buffer.getvalue()), folder="small", mirrors=())
    monkeypatch.setattr(cifar, "CIFAR10", cifar.dataset_source(files, archive))
    monkeypatch.delenv("CIFAR_DATA_DIR", raising=False)
    monkeypatch.delenv("CIFAR_MIRROR", raising=False)
    (tmp_path / "small.tar.gz").write_bytes(buffer.getvalue())
    return tmp_path


def test_fetch_names_the_files_and_the_next_command(small_cifar10: Path, capsys: pytest.CaptureFixture[str]):
    data.fetch("cifar10", small_cifar10)
    printed = capsys.readouterr()
    assert printed.out == f"cifar10: 3 files are now below {small_cifar10}\n"
    assert printed.err == f"next: cifar train --config sequential data.root={small_cifar10}\n"
    assert {path.name: path.read_bytes() for path in (small_cifar10 / "small").iterdir()} == CONTENTS


def test_fetch_of_a_complete_dataset_downloads_nothing(small_cifar10: Path, capsys: pytest.CaptureFixture[str]):
    data.fetch("cifar10", small_cifar10)
    capsys.readouterr()
    data.fetch("cifar10", small_cifar10)
    assert capsys.readouterr().out == f"cifar10 is already in {small_cifar10}\n"


def test_fetch_replaces_a_damaged_file(small_cifar10: Path):
    data.fetch("cifar10", small_cifar10)
    (small_cifar10 / "small" / "test").write_bytes(b"damaged")
    data.fetch("cifar10", small_cifar10)
    assert (small_cifar10 / "small" / "test").read_bytes() == CONTENTS["test"]


def test_the_synthetic_dataset_needs_no_fetch(capsys: pytest.CaptureFixture[str]):
    data.fetch("synthetic", None)
    printed = capsys.readouterr()
    assert printed.out == "synthetic is drawn when it is opened; there is nothing to fetch\n"
    assert printed.err == "next: cifar train --config sequential data.name=synthetic\n"


def test_verify_prints_a_line_for_each_file(small_cifar10: Path, capsys: pytest.CaptureFixture[str]):
    data.fetch("cifar10", small_cifar10)
    capsys.readouterr()
    data.verify("cifar10", small_cifar10)
    folder = small_cifar10 / "small"
    assert capsys.readouterr().out.splitlines() == [f"ok       {folder / name}" for name in ("train", "test", "meta")]


def test_verify_names_damaged_and_missing_files_and_the_mend(small_cifar10: Path, capsys: pytest.CaptureFixture[str]):
    data.fetch("cifar10", small_cifar10)
    capsys.readouterr()
    folder = small_cifar10 / "small"
    (folder / "train").write_bytes(b"damaged")
    (folder / "meta").unlink()
    with pytest.raises(DataError) as caught:
        data.verify("cifar10", small_cifar10)
    assert capsys.readouterr().out.splitlines() == [
        f"damaged  {folder}/train",
        f"ok       {folder}/test",
        f"missing  {folder}/meta",
    ]
    assert str(caught.value) == (
        f"{small_cifar10}: expected 3 files of cifar10, found 2 of them missing or damaged; "
        f"fetch them with: cifar data fetch cifar10 --root {small_cifar10}"
    )


def test_the_synthetic_dataset_needs_no_verification(capsys: pytest.CaptureFixture[str]):
    data.verify("synthetic", None)
    assert capsys.readouterr().out == "synthetic is drawn when it is opened; there is nothing to verify\n"


@pytest.mark.parametrize("command", [data.fetch, data.verify])
def test_unknown_dataset_gets_the_nearest_name(command):
    with pytest.raises(UsageError, match="found 'cifar-10'; did you mean 'cifar10'"):
        command("cifar-10", None)


@pytest.mark.parametrize("verb", ["fetch", "verify"])
def test_a_name_and_a_root_that_cannot_be_are_refused_with_their_place(
    verb: str, cifar: Callable[..., Any], tmp_path: Path
):
    misspelt = cifar("data", verb, "cifar11")
    assert (misspelt.code, misspelt.out) == (2, "")
    known = "cifar10, cifar100, fashion_mnist, synthetic, folder"
    assert misspelt.err == f"error: NAME: expected one of {known}, found 'cifar11'; did you mean 'cifar10'?\n"
    outcome = cifar("data", verb, "cifar10", "--root", "small.yaml")
    assert (outcome.code, outcome.out) == (2, "")
    assert (
        outcome.err
        == "error: --root small.yaml: expected a folder, found a file; name the folder that holds the datasets\n"
    )


def test_where_names_the_folder_the_reason_and_the_datasets(small_cifar10: Path, capsys: pytest.CaptureFixture[str]):
    data.fetch("cifar10", small_cifar10)
    (small_cifar10 / "cifar-100-python").mkdir()
    (small_cifar10 / "cifar-100-python" / "meta").write_bytes(b"damaged")
    capsys.readouterr()
    data.where(small_cifar10)
    folder, *datasets = capsys.readouterr().out.splitlines()
    assert folder == f"{small_cifar10} (as given)"
    assert [line.split()[0] for line in datasets] == list(DATASETS)
    assert {
        "  cifar10        there",
        "  cifar100       incomplete: 1 damaged and 2 missing of 3 files",
        "  fashion_mnist  not there",
        "  synthetic      always there: it is drawn",
    } <= set(datasets)


def test_where_gives_the_environment_or_the_default_as_the_reason(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    data.where(None)
    printed = capsys.readouterr()
    assert printed.out.startswith(f"{tmp_path}/data (the default; CIFAR_DATA_DIR changes it)\n")
    assert printed.err == "next: cifar data fetch cifar10\n"
    monkeypatch.setenv("CIFAR_DATA_DIR", str(tmp_path))
    data.where(None)
    assert capsys.readouterr().out.startswith(f"{tmp_path} (from CIFAR_DATA_DIR)\n")


def test_own_images_are_verified_one_by_one(capsys: pytest.CaptureFixture[str], tmp_path: Path) -> None:
    for name in ("cat/a.png", "cat/b.png", "dog/c.png", "dog/d.png"):
        (tmp_path / "own" / name).parent.mkdir(parents=True, exist_ok=True)
        Image.new("RGB", (8, 8)).save(tmp_path / "own" / name)
    data.verify("folder", str(tmp_path / "own"))
    assert capsys.readouterr().out.splitlines() == [
        "train: 3 images of 2 classes",
        "val: 0 images of 0 classes",
        "test: 1 image of 1 class",
    ]
    (tmp_path / "own" / "cat" / "b.png").write_bytes(b"")
    with pytest.raises(
        DataError, match=r"own: expected a picture in each of 4 files, found 1 that cannot be read as one, "
    ):
        data.verify("folder", str(tmp_path / "own"))
    assert capsys.readouterr().out.splitlines()[-1] == f"{tmp_path}/own/cat/b.png: is empty"


def test_own_images_have_no_default_place() -> None:
    with pytest.raises(UsageError, match=r"--root: expected the folder of your images, or a CSV of path,label"):
        data.verify("folder", None)


def test_where_proposes_to_train_on_the_images_that_are_there(photos: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data.where(str(photos))
    outcome = capsys.readouterr()
    assert outcome.out.splitlines()[-1] == "  folder         there: 72 images of 3 classes"
    assert f"next: cifar train --config cnn data.name=folder data.root={photos} " in outcome.err
