"""Packing the network that comes along: its card has the run's records, its file the run's weights."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file

from cifar_cli.errors import UsageError
from cifar_cli.export.pack_pretrained import pack
from cifar_cli.pretrained.card import Card, read_card
from cifar_cli.runs.checkpoint import load_checkpoint


@pytest.fixture
def card(packed: Path) -> Card:
    found = read_card(packed)
    assert found is not None
    return found


def test_the_file_has_the_weights_of_the_best_epoch_in_half_precision(packed: Path, trained: tuple[Path, Any]) -> None:
    saved = load_checkpoint(trained[0] / "checkpoints" / "best.pt")["model"]
    found = load_file(packed / "compact.safetensors")
    assert found.keys() == saved.keys()
    assert all(torch.equal(found[name], weight.half()) for name, weight in saved.items())


def test_the_cards_figures_are_those_of_the_run(card: Card, packed: Path, trained: tuple[Path, Any]) -> None:
    summary = json.loads((trained[0] / "summary.json").read_text())
    (seed,) = card.seeds
    assert (seed.seed, seed.val_accuracy, seed.test_accuracy) == (
        summary["seed"],
        summary["val"]["accuracy"],
        summary["test"]["accuracy"],
    )
    assert card.accuracy == pytest.approx(summary["test"]["accuracy"], abs=0.02)  # rounded to half precision
    assert (card.parameters, card.epoch) == (summary["parameters"], summary["best_epoch"])
    assert card.file_bytes == (packed / "compact.safetensors").stat().st_size
    assert (card.calibration_images, card.test_images) == (100, 100)


def test_the_card_and_the_file_name_no_path_of_this_machine(packed: Path, trained: tuple[Path, Any]) -> None:
    for path in packed.iterdir():
        assert str(trained[0].parent).encode() not in path.read_bytes()


def test_the_seed_that_is_best_on_held_out_images_is_packed(trained: tuple[Path, Any], tmp_path: Path) -> None:
    better = Path(shutil.copytree(trained[0], tmp_path / "better"))
    summary = json.loads((better / "summary.json").read_text())
    summary |= {"seed": 7, "val": {"accuracy": 0.999, "loss": 0.1}, "test": {"accuracy": 0.01, "loss": 9.0}}
    (better / "summary.json").write_text(json.dumps(summary))
    found = pack([str(trained[0]), str(better)], folder=tmp_path / "out")
    assert (found.chosen_seed, [seed.seed for seed in found.seeds]) == (7, [0, 7])


def test_a_run_that_is_not_complete_is_refused(trained: tuple[Path, Any], tmp_path: Path) -> None:
    cut = Path(shutil.copytree(trained[0], tmp_path / "cut"))
    (cut / "summary.json").write_text('{"status": "interrupted"}')
    with pytest.raises(UsageError, match=r"cut: expected a complete run, found status interrupted; train it first"):
        pack([str(cut)], folder=tmp_path / "out")


def test_runs_of_two_configurations_are_refused(trained: tuple[Path, Any], tmp_path: Path) -> None:
    other = Path(shutil.copytree(trained[0], tmp_path / "other"))
    for name in ("best.pt", "last.pt"):
        contents = load_checkpoint(other / "checkpoints" / name)
        torch.save(
            {**contents, "config": contents["config"].replace("lr: 0.05", "lr: 0.06")}, other / "checkpoints" / name
        )
    with pytest.raises(UsageError, match=r"other: expected the configuration of .*, found another; take its seeds"):
        pack([str(trained[0]), str(other)], folder=tmp_path / "out")


def test_held_out_images_are_needed(tmp_path: Path, cifar: Callable[..., Any]) -> None:
    assert cifar("train", "--config", "small.yaml", "data.val_size=0", "train.epochs=1").code == 0
    (run,) = (tmp_path / "logs").iterdir()
    with pytest.raises(UsageError, match=r"expected held-out images to calibrate on, found data\.val_size 0"):
        pack([str(run)], folder=tmp_path / "out")
