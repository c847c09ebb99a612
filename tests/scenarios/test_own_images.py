"""A person's own images from the first check to the evaluation elsewhere: a run knows its folder and classes."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
import yaml
from PIL import Image

OWN = """\
data: {name: folder, root: photos, batch_size: 10}
model: {name: cnn, widths: [8, 8]}
train: {epochs: 1, device: cpu, precision: fp32}
"""
LAYERS = """\
data: {name: folder, root: photos, image_size: 16}
model:
  layers:
    - flatten: Flatten
    - fc: {type: Linear, out_features: 10}
"""


@pytest.fixture
def own(photos: Path, tmp_path: Path) -> Path:
    """A copy of the photos in the test's own folder, beside the configurations own.yaml and layers.yaml."""
    (tmp_path / "own.yaml").write_text(OWN)
    (tmp_path / "layers.yaml").write_text(LAYERS)
    return Path(shutil.copytree(photos, tmp_path / "photos"))


@pytest.fixture
def own_run(own: Path, cifar: Callable[..., Any], tmp_path: Path) -> Path:
    """A finished run on the photos."""
    outcome = cifar("train", "--config", "own.yaml")
    assert outcome.code == 0, outcome.err
    (run,) = (tmp_path / "logs").glob("own-*")
    return Path(run)


def test_the_runs_configuration_repeats_what_was_found(own: Path, own_run: Path) -> None:
    data = yaml.safe_load((own_run / "config.yaml").read_text(encoding="utf-8"))["data"]
    assert data["root"] == str(own)
    assert data["classes"] == {"ball": 20, "crate box": 20, "ça": 20}
    assert data["val_size"] == 6
    assert len(data["mean"]) == len(data["std"]) == 3
    saved = torch.load(own_run / "checkpoints" / "last.pt", weights_only=True)
    assert yaml.safe_load(saved["config"])["data"] == data


def test_class_names_stand_in_the_tables_and_in_the_projector(own_run: Path, cifar: Callable[..., Any]) -> None:
    measured = cifar("eval", own_run)
    assert measured.code == 0
    assert all(name in measured.out for name in ("ball", "crate box", "ça"))
    labels = (own_run / "projector" / "labels.tsv").read_text(encoding="utf-8")
    assert {line.split("\t")[0] for line in labels.splitlines()[1:]} == {"ball", "crate box", "ça"}


def test_an_evaluation_elsewhere_equals_the_trainings(
    own_run: Path, cifar_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> None:
    summary = json.loads((own_run / "summary.json").read_text())
    measured = json.loads(cifar_in(tmp_path_factory.mktemp("elsewhere"), "eval", own_run, "--json").out)
    assert (measured["loss"], measured["images"]) == (pytest.approx(summary["test"]["loss"]), 12)
    assert measured["dataset"] == "folder"


def test_a_folder_that_has_changed_is_not_trained_on_nor_measured_as_if_it_had_not(
    own: Path, own_run: Path, cifar: Callable[..., Any]
) -> None:
    (own / "train" / "ball" / "photo 000.jpg").rename(own / "train" / "ça" / "another.jpg")
    for words in (("eval", own_run), ("train", "--config", own_run / "config.yaml")):
        outcome = cifar(*words)
        assert outcome.code == 1
        assert f"{own}: expected the files of 60 images in 3 classes that the configuration was made for" in outcome.err
    keys = ("fingerprint", "classes", "val_size", "mean", "std")
    anew = cifar("train", "--config", own_run / "config.yaml", "--dry-run", *(f"data.{key}=null" for key in keys))
    assert anew.code == 0, anew.err


def test_a_folder_that_was_moved_is_found_where_the_command_says(
    own: Path, own_run: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    own.rename(tmp_path / "moved")
    assert "data.root: expected a folder" in cifar("eval", own_run).err
    measured = cifar("eval", own_run, "data.root=moved", "--json")
    assert json.loads(measured.out)["images"] == 12
    cifar("train", "--config", own_run / "config.yaml", "data.root=moved")
    again = max((tmp_path / "logs").glob("own-*"))
    assert yaml.safe_load((again / "config.yaml").read_text(encoding="utf-8"))["data"]["root"] == f"{tmp_path}/moved"


def test_nothing_stands_for_pictures_that_cannot_be_read(own: Path, cifar: Callable[..., Any]) -> None:
    (own / "train" / "ball" / "photo 000.jpg").write_bytes(b"")
    outcome = cifar("train", "--config", "own.yaml", "data.fallback=synthetic")
    assert outcome.code == 1
    assert "1 file is no picture that can be read" in outcome.err
    assert "SYNTHETIC" not in outcome.err


def test_other_test_images_are_measured(own: Path, own_run: Path, cifar: Callable[..., Any]) -> None:
    (own / "test" / "ball" / "photo 000.jpg").unlink()
    assert json.loads(cifar("eval", own_run, "--json").out)["images"] == 11


def test_a_checkpoint_alone_does_not_choose_where_this_machine_reads(
    own_run: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    shutil.move(own_run / "checkpoints" / "last.pt", tmp_path / "stranger.pt")
    outcome = cifar("eval", tmp_path / "stranger.pt")
    assert outcome.code == 1
    assert "data.root: expected the folder of your images" in outcome.err


def test_a_wrong_number_of_class_scores_is_told_with_the_right_one(own: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--config", "layers.yaml")
    assert outcome.code == 2
    assert "expected one score for each of the 3 classes of folder at the end, found 10" in outcome.err
    assert "write out_features: 3 in fc" in outcome.err
    plan = cifar("train", "--config", "layers.yaml", "model.layers.fc.out_features=3", "--dry-run")
    assert "768" in plan.out  # 3 × 16 × 16 numbers from the flatten layer


def test_all_mistakes_are_told_at_once_with_the_place_of_the_root(own: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("config", "validate", "layers.yaml", "data.root=none", "train.epochs=0")
    assert outcome.code == 2
    assert outcome.err.splitlines()[1:] == [
        f"command line: data.root: expected a folder with train/<class>/ or a CSV of path,label, found nothing at "
        f"{own.parent}/none; write the folder of your images",
        "command line: train.epochs: expected a whole number, at least 1, found 0; write for example 10",
    ]


def test_too_many_validation_images_are_told_with_a_way_out(own: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("config", "validate", "own.yaml", "data.val_size=5000")
    assert outcome.code == 2
    assert "data.val_size: expected fewer than the 60 training images of folder, found 5000; write null" in outcome.err


def test_other_commands_take_the_configuration_too(own: Path, cifar: Callable[..., Any]) -> None:
    explained = json.loads(cifar("explain", "--config", "own.yaml", "data.image_size=24", "--json").out)
    assert explained["image_shape"] == [3, 24, 24]
    assert cifar("visualize-layer", "blocks.0.conv1", "--config", "own.yaml", "--images", 1).code == 0
    shown = yaml.safe_load(cifar("config", "show", "own.yaml").out)["data"]
    assert list(shown["classes"]) == ["ball", "crate box", "ça"]


def test_a_csv_is_a_root_too(own: Path, cifar: Callable[..., Any], tmp_path: Path) -> None:
    files = sorted((own / "train").rglob("photo*"))
    rows = [f"{path.relative_to(tmp_path)},{path.parent.name[0]}" for path in files]
    (tmp_path / "labels.csv").write_text("path,label\n" + "\n".join(rows), encoding="utf-8")
    outcome = cifar("train", "--config", "own.yaml", "data.root=labels.csv")
    assert outcome.code == 0, outcome.err
    assert "labels.csv has no test images of its own: 12 of its 60 images" in outcome.err
    assert "no test images of its own" not in cifar("eval").err  # the training has said it, and the run keeps it


def test_names_of_classes_that_mean_something_to_other_programs_are_shown_as_they_are(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    names = ["$x_$", "[red]", "{n}", "<b>", "%s", "no", "1e3", "- a", "猫", "x" * 90]
    for number, name in enumerate(names):
        (tmp_path / "photos" / name).mkdir(parents=True)
        for index in range(5):
            Image.new("RGB", (8, 8), (20 * number, 50 * index, 9)).save(tmp_path / "photos" / name / f"{index}.png")
    (tmp_path / "own.yaml").write_text(OWN)
    assert cifar("train", "--config", "own.yaml").code == 0
    (run,) = (tmp_path / "logs").glob("own-*")
    measured = json.loads(cifar("eval", run, "--json").out)
    assert [row["class"] for row in measured["per_class"]] == sorted(names)
    shown = cifar("eval", run).out
    assert all(name in shown for name in names), shown
    for words in (("visualize-layer", "--all", run), ("visualize-layer", "fc", run)):
        outcome = cifar(*words)
        assert outcome.code == 0, outcome.err
