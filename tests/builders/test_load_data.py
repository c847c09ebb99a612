"""Images that are missing: the ways out, and the fallback that a configuration may name."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli import config
from cifar_cli.builders.load_data import load_data
from cifar_cli.errors import DataError
from cifar_cli.runs.json_files import write_json


@pytest.mark.usefixtures("no_network")
def test_without_data_and_network_the_error_names_three_ways_out(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("train", "--config", "mlp")
    assert outcome.code == 1
    assert outcome.err.startswith("error: cifar-10-python.tar.gz: no mirror could be reached\nThree ways out:\n")
    assert [line for line in outcome.err.splitlines() if line.startswith("  - ")] == [
        f"  - copy cifar-10-python.tar.gz (or the folder cifar-10-batches-py) from another machine into "
        f"{tmp_path / 'data'}, or name the folder that has it: CIFAR_DATA_DIR=FOLDER",
        "  - name a mirror that can be reached: CIFAR_MIRROR=https://example.org/cifar-10-python.tar.gz, "
        "or data.mirrors",
        "  - use the synthetic set, which needs no network: data.name=synthetic",
    ]
    assert not (tmp_path / "logs").exists()


@pytest.mark.usefixtures("no_network")
def test_the_quickstart_falls_back_to_the_synthetic_set_and_warns(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("train", "--config", "quickstart", "train.epochs=1", "data.val_size=100", "data.batch_size=100")
    assert outcome.code == 0
    assert "warning: cifar-10-python.tar.gz: no mirror could be reached" in outcome.err
    assert "warning: these are SYNTHETIC images, drawn by this program; accuracies on them say nothing" in outcome.err
    (run,) = (tmp_path / "logs").iterdir()
    assert run.name.startswith("quickstart-synthetic-")
    assert json.loads((run / "summary.json").read_text())["dataset"] == "synthetic"
    data = config.load(run / "config.yaml").data
    assert (data.name, data.fallback) == ("synthetic", None)
    assert "quickstart on synthetic" in outcome.out


@pytest.mark.usefixtures("no_network")
def test_a_run_finds_its_images_from_another_directory(
    real_data: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_json(tmp_path / "env.json", {"data_root": str(real_data)})
    _, splits = load_data(config.load("mlp"), environment=tmp_path / "env.json")
    assert splits.root == real_data
    assert [path.name for path in tmp_path.iterdir()] == ["env.json"]


@pytest.mark.parametrize("content", ["{}", '{"data_root": 3}', '{"data_root": "relative"}', "{"])
@pytest.mark.usefixtures("no_network")
def test_a_record_that_names_no_folder_is_passed_over(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "env.json").write_text(content)
    with pytest.raises(DataError, match="no mirror could be reached"):
        load_data(config.load("mlp"), environment=tmp_path / "env.json")
    assert ("looking for the images without it" in capsys.readouterr().err) == (content == "{")


def test_a_dry_run_without_the_images_downloads_and_writes_nothing(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cifar_cli.data.datasets.cifar.fetch_archive", None)
    before = sorted(tmp_path.rglob("*"))
    outcome = cifar("train", "--config", "mlp", "--dry-run")
    assert outcome.code == 1
    assert outcome.err.endswith(
        "fetch it anew with: cifar data fetch cifar10 --root data; this command downloads and unpacks nothing\n"
    )
    assert sorted(tmp_path.rglob("*")) == before
