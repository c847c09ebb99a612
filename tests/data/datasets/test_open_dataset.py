"""Opening datasets by name: the table, the folder, the split, and the errors for missing data."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from cifar_cli.data.datasets import cifar
from cifar_cli.data.datasets.open_dataset import data_root, open_dataset
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.data.download import fetch_archive
from cifar_cli.data.download.mirrors import CIFAR10_ARCHIVE
from cifar_cli.errors import DataError, UsageError


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("CIFAR_DATA_DIR", raising=False)
    monkeypatch.delenv("CIFAR_MIRROR", raising=False)


def test_root_is_the_one_given_else_the_environments_else_data(monkeypatch: pytest.MonkeyPatch):
    assert data_root(None) == Path("data")
    monkeypatch.setenv("CIFAR_DATA_DIR", "~/images")
    assert data_root(None) == Path.home() / "images"
    assert data_root("here") == Path("here")


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
    monkeypatch.setattr(fetch_archive, "FileLock", None)  # not even a lock is wanted
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
        f"  - copy cifar-10-python.tar.gz (or the folder cifar-10-batches-py) from another machine into {tmp_path}",
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
