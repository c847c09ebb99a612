"""Opening datasets by name: the table, the folder, the split, and the errors for missing data."""

import hashlib
import io
import pickle
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from cifar_cli.data.datasets import cifar
from cifar_cli.data.datasets.open_dataset import dataset_root, open_dataset
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.data.download import fetch_archive
from cifar_cli.data.download.download import NullReport
from cifar_cli.data.download.mirrors import CIFAR10_ARCHIVE, Archive
from cifar_cli.errors import DataError, UsageError

PIXELS = np.arange(2 * 3072).astype(np.uint8).reshape(2, 3072)
BATCHES = {
    "train": {b"data": PIXELS, b"labels": [0, 1]},
    "test": {b"data": PIXELS[:1], b"labels": [1]},
    "meta": {b"label_names": [b"cat", b"dog"]},
}


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIFAR_DATA_DIR", raising=False)
    monkeypatch.delenv("CIFAR_MIRROR", raising=False)


def test_a_run_finds_its_images_where_they_were_if_there_are_none_at_the_root(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    for folder in ("recorded", "environment", "here"):
        (tmp_path / folder / "cifar-10-batches-py").mkdir(parents=True)
    recorded = tmp_path / "recorded"
    assert dataset_root("cifar10", "here", recorded=recorded) == Path("here")
    assert dataset_root("cifar10", None, recorded=recorded) == recorded
    assert dataset_root("cifar10", "moved", recorded=recorded) == recorded
    assert dataset_root("cifar10", "moved") == Path("moved")
    monkeypatch.setenv("CIFAR_DATA_DIR", str(tmp_path / "environment"))
    assert dataset_root("cifar10", "moved", recorded=tmp_path / "gone") == tmp_path / "environment"
    monkeypatch.delenv("CIFAR_DATA_DIR")
    # Nothing is downloaded into a folder that only the record of a run names.
    assert dataset_root("cifar10", "moved", recorded=tmp_path / "gone") == Path("moved")


def test_unknown_name_gets_all_names_and_the_nearest():
    with pytest.raises(UsageError) as caught:
        open_dataset("cifer10")
    assert str(caught.value) == (
        f"data.name: expected one of {', '.join(DATASETS)}; found 'cifer10'; did you mean 'cifar10'?"
    )


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if not entry.is_own])
def test_every_dataset_has_statistics_for_its_channels(name: str):
    channels, _, _ = DATASETS[name].image_shape
    assert len(DATASETS[name].mean) == len(DATASETS[name].std) == channels


def test_real_cifar10_opens_with_a_balanced_validation_split(real_data: Path):
    splits = open_dataset("cifar10", root=real_data, val_size=5000)
    assert splits.val is not None
    assert (len(splits.train), len(splits.val), len(splits.test)) == (45_000, 5_000, 10_000)
    assert torch.bincount(splits.val.labels).tolist() == [500] * 10
    assert splits.train.class_names[6] == "frog"
    assert splits.root == real_data


def test_real_cifar10_opens_from_a_folder_that_cannot_be_written(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    (tmp_path / "cifar-10-batches-py").symlink_to(real_data / "cifar-10-batches-py")
    tmp_path.chmod(0o500)
    monkeypatch.setattr(fetch_archive, "file_lock", None)  # not even a lock is wanted
    try:
        assert len(open_dataset("cifar10", root=tmp_path).train) == 50_000
    finally:
        tmp_path.chmod(0o700)


def test_synthetic_opens_without_a_folder_and_without_a_split():
    splits = open_dataset("synthetic")
    assert (len(splits.train), splits.val, len(splits.test), splits.root) == (10_000, None, 2_000, None)


def test_missing_data_that_may_not_be_downloaded_is_named(tmp_path: Path):
    with pytest.raises(DataError) as caught:
        open_dataset("cifar10", root=tmp_path, download=False)
    assert str(caught.value) == (
        f"{tmp_path}/cifar-10-batches-py/batches.meta: expected a file with MD5 5ff9c542aee3614f3951f8cda6e48888, "
        f"found none; fetch it anew with: cifar data fetch cifar10 --root {tmp_path}"
    )


def test_no_data_and_no_network_ends_with_the_attempts_and_three_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    # No server listens on port 1; the known mirrors are kept out of it, for a test machine may have a network.
    archive = replace(CIFAR10_ARCHIVE, mirrors=("http://127.0.0.1:1/known.tar.gz",))
    monkeypatch.setattr(cifar, "CIFAR10", cifar.dataset_source(cifar.CIFAR10_FILES, archive))
    monkeypatch.setenv("CIFAR_MIRROR", "http://localhost:1/environment.tar.gz")
    with pytest.raises(DataError) as caught:
        open_dataset("cifar10", root=tmp_path, mirrors=["http://127.0.0.2:1/given.tar.gz"])
    assert str(caught.value).splitlines() == [
        f"{tmp_path}/cifar-10-python.tar.gz: could not be downloaded. Tried:",
        "  127.0.0.2:1: cannot be reached: Connection refused",
        "  localhost:1: cannot be reached: Connection refused",
        "  127.0.0.1:1: cannot be reached: Connection refused",
        "Three ways out:",
        f"  - copy cifar-10-python.tar.gz (or the folder cifar-10-batches-py) from another machine into {tmp_path}, "
        "or name the folder that has it: CIFAR_DATA_DIR=FOLDER",
        "  - name a mirror that can be reached: "
        "CIFAR_MIRROR=https://example.org/cifar-10-python.tar.gz, or data.mirrors",
        "  - use the synthetic set, which needs no network: data.name=synthetic",
    ]


def test_data_folder_that_cannot_be_made_is_named(tmp_path: Path):
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(DataError) as caught:
        open_dataset("cifar10", root=tmp_path / "file" / "data")
    assert str(caught.value) == (
        f"{tmp_path}/file/data: cannot be written: Not a directory; choose another folder with data.root"
    )


def test_a_damaged_file_is_restored_from_the_archive_like_a_missing_one(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    buffer = io.BytesIO()
    contents = {
        name: pickle.dumps(batch, protocol=3).replace(b"numpy._core", b"numpy.core") for name, batch in BATCHES.items()
    }
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in contents.items():
            member = tarfile.TarInfo(f"small/{name}")
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
    parts = [{name: hashlib.md5(contents[name]).hexdigest()} for name in ("train", "test", "meta")]
    files = cifar.CifarFiles("cifar10", "small", *parts, labels_key=b"labels", class_names_key=b"label_names")
    archive = Archive("small.tar.gz", hashlib.md5(buffer.getvalue()).hexdigest(), len(buffer.getvalue()), "small", ())
    monkeypatch.setattr(cifar, "CIFAR10", cifar.dataset_source(files, archive))
    (tmp_path / "small.tar.gz").write_bytes(buffer.getvalue())
    first = open_dataset("cifar10", root=tmp_path)
    truncated = tmp_path / "small" / "train"
    truncated.write_bytes(contents["train"][:-1])

    class Notes(NullReport):
        def note(self, text: str) -> None:
            noted.append(text)

    noted: list[str] = []
    again = open_dataset("cifar10", root=tmp_path, report=Notes())
    assert torch.equal(again.train.images, first.train.images)
    assert truncated.read_bytes() == contents["train"]
    expected, found = (hashlib.md5(content).hexdigest() for content in (contents["train"], contents["train"][:-1]))
    assert noted == [f"{truncated}: is damaged: expected MD5 {expected}, found {found}; it is fetched anew"]
    # A dry run changes nothing.
    truncated.write_bytes(b"")
    with pytest.raises(DataError, match="train: is damaged"):
        open_dataset("cifar10", root=tmp_path, download=False)
    assert truncated.read_bytes() == b""
