"""The source of every dataset in the table: what reads its files, checks them, and fetches them."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from cifar_cli.data.datasets import open_dataset
from cifar_cli.data.datasets.open_dataset import fetch_dataset, find_dataset
from cifar_cli.data.datasets.source import DatasetSource
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.data.download.download import DownloadError, NullReport, Report
from cifar_cli.errors import DataError

WITH_FILES = ("cifar10", "cifar100", "fashion_mnist")


@pytest.mark.parametrize("name", [name for name, entry in DATASETS.items() if not entry.is_own])
def test_every_target_of_the_table_is_a_source(name: str) -> None:
    assert isinstance(find_dataset(name), DatasetSource)


@pytest.mark.parametrize("name", WITH_FILES)
def test_a_dataset_with_files_names_them_below_the_root(name: str, tmp_path: Path) -> None:
    source = find_dataset(name)
    states = source.file_states(tmp_path)
    assert set(states.values()) == {"missing"}
    assert all(path.is_relative_to(tmp_path) for path in states)
    assert source.fetch is not None
    assert source.copy
    assert source.example_mirror.startswith("https://")
    with pytest.raises(DataError, match=f"fetch it anew with: cifar data fetch {name} --root {tmp_path}"):
        source.read(tmp_path)


def test_a_generated_dataset_has_no_files_and_fetches_nothing(tmp_path: Path) -> None:
    source = find_dataset("synthetic")
    assert source.file_states(tmp_path) == {}
    assert source.fetch is None
    fetch_dataset("synthetic", root=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_fetch_gets_own_mirrors_in_order_and_its_failure_names_the_ways_out(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[tuple[Path, Sequence[str], float | None, Report | None]] = []

    def fetch(root: Path, *, mirrors: Sequence[str], deadline_seconds: float | None, report: Report | None) -> None:
        calls.append((root, mirrors, deadline_seconds, report))
        raise DownloadError("photos.zip: no mirror could be reached")

    def read(root: Path) -> None:
        raise AssertionError("nothing to read")

    source = DatasetSource(read=read, fetch=fetch, copy="photos.zip", example_mirror="https://example.org/photos.zip")
    monkeypatch.setattr(open_dataset, "find_dataset", lambda name: source)
    monkeypatch.setenv("CIFAR_MIRROR", "http://environment/photos.zip")
    report = NullReport()
    with pytest.raises(DataError) as caught:
        fetch_dataset("photos", root=tmp_path, mirrors=["http://own/"], deadline_seconds=9, report=report)
    assert calls == [(tmp_path, ["http://own/", "http://environment/photos.zip"], 9, report)]
    assert str(caught.value).splitlines() == [
        "photos.zip: no mirror could be reached",
        "Three ways out:",
        f"  - copy photos.zip from another machine into {tmp_path}, or name the folder that has it: "
        "CIFAR_DATA_DIR=FOLDER",
        "  - name a mirror that can be reached: CIFAR_MIRROR=https://example.org/photos.zip, or data.mirrors",
        "  - use the synthetic set, which needs no network: data.name=synthetic",
    ]
