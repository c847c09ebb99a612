"""`cifar eval`: its output, and the networks that it opens and refuses."""

import json
import os
import pickle
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch
from PIL import Image

from cifar_cli.data.datasets import cifar as cifar_dataset
from cifar_cli.data.image_set import ImageSet
from cifar_cli.runs.checkpoint import load_checkpoint, save_checkpoint


def test_a_run_whose_name_holds_an_equals_sign_is_no_override(run: Path, cifar: Callable[..., Any]) -> None:
    renamed = run.rename(run.with_name("lr=0.1"))
    assert cifar("eval", renamed).code == 0


def test_a_network_of_real_images_is_not_measured_on_synthetic_images(
    run: Path, cifar: Callable[..., Any], tmp_path: Path, no_network: None
) -> None:
    for path in (run / "checkpoints").iterdir():
        saved = load_checkpoint(path)
        config = (
            saved["config"].replace("name: synthetic", "name: cifar10").replace("fallback: null", "fallback: synthetic")
        )
        save_checkpoint(path, {**saved, "config": config})
    outcome = cifar("eval", run)
    assert outcome.code == 1
    assert "SYNTHETIC" not in outcome.err


@pytest.mark.parametrize("command", [["eval"], ["explain"]], ids=lambda words: words[0])
def test_a_run_from_a_machine_with_a_gpu_is_opened_without_a_gpu(
    command: list[str], run: Path, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    for path in (run / "checkpoints").iterdir():
        saved = load_checkpoint(path)
        save_checkpoint(path, {**saved, "config": saved["config"].replace("device: cpu", "device: cuda")})
    refused = cifar(*command, run)
    assert refused.code == 2
    assert refused.err.splitlines()[-1].endswith("write train.device=auto to take the best there is")
    assert cifar(*command, run, "train.device=auto").code == 0


def test_json_is_one_object_on_stdout_that_names_run_weights_and_split(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("eval", "--json")
    assert outcome.code == 0
    assert len(outcome.out.splitlines()) == 1
    measured = json.loads(outcome.out)
    epoch = json.loads((run / "summary.json").read_text())["best_epoch"]
    which = f"run {run.name}, best weights (epoch {epoch})"
    facts = {key: measured[key] for key in ("network", "run", "checkpoint", "epoch", "dataset", "synthetic", "split")}
    assert facts == {
        "network": which,
        "run": f"logs/{run.name}",
        "checkpoint": f"logs/{run.name}/checkpoints/best.pt",
        "epoch": epoch,
        "dataset": "synthetic",
        "synthetic": True,
        "split": "test",
    }
    lines = outcome.err.splitlines()
    assert f"{which}: sequential on the test split of synthetic, 100 images" in lines
    assert "warning: these are SYNTHETIC images" in outcome.err
    assert lines[-2:] == [
        f"wrote logs/{run.name}/images/confusion-test.png",
        f"next: cifar visualize-layer conv1 logs/{run.name}",
    ]


def test_the_terminal_gets_the_same_figures_as_tables(run: Path, cifar: Callable[..., Any]) -> None:
    measured, printed = json.loads(cifar("eval", "--json").out), cifar("eval").out
    assert printed.splitlines()[0] == f"accuracy {100 * measured['accuracy']:.2f} %   loss {measured['loss']:.4f}"
    rows = [line.strip("│ ").split("│") for line in printed.splitlines() if line.startswith("│")]
    shown = {cells[0].strip(): [cell.strip() for cell in cells[1:]] for cells in rows}
    for figures in measured["per_class"]:
        assert shown[figures["class"]] == [
            f"{figures['images']}",
            f"{100 * figures['recall']:.1f} %",
            f"{100 * figures['precision']:.1f} %",
            f"{figures['f1']:.3f}",
        ]
    _, matrix = printed.split("true ↓  predicted →")
    cells = [line.split()[1:] for line in matrix.splitlines()[2:12]]  # below the heading and its line
    counts = [[0 if cell == "·" else int(cell) for cell in row] for row in cells]
    assert counts == measured["confusion"]


def test_the_loss_is_told_with_its_label_smoothing_beside_the_plain_cross_entropy_and_the_precision(
    cifar: Callable[..., Any],
) -> None:
    words = ["--config", "small.yaml", "seed=3"]
    plain = json.loads(cifar("eval", *words, "--json").out)
    smoothed = json.loads(cifar("eval", *words, "loss.label_smoothing=0.2", "--json").out)
    loss = {"name": "cross_entropy", "label_smoothing": 0.0, "class_weights": None}
    assert (plain["precision"], plain["loss_function"]) == ("fp32", loss)
    assert smoothed["loss_function"] == {**loss, "label_smoothing": 0.2}
    assert plain["cross_entropy"] == plain["loss"]
    # The same network on the same images: only the loss is another.
    assert smoothed["cross_entropy"] == plain["cross_entropy"]
    assert smoothed["loss"] != pytest.approx(plain["loss"], rel=1e-4)

    assert cifar("eval", *words).out.splitlines()[1] == ("loss: cross_entropy, label_smoothing 0.0; computed in fp32")
    assert cifar("eval", *words, "loss.label_smoothing=0.2").out.splitlines()[1] == (
        f"loss: cross_entropy, label_smoothing 0.2; plain cross-entropy {plain['loss']:.4f}; computed in fp32"
    )


def test_the_confusion_matrix_is_drawn_for_the_run(run: Path, cifar: Callable[..., Any]) -> None:
    assert cifar("eval", run, "--split", "val").code == 0
    with Image.open(run / "images" / "confusion-val.png") as picture:
        picture.load()
        assert picture.format == "PNG"
        assert min(picture.size) > 300


def test_a_checkpoint_file_anywhere_can_be_measured(run: Path, cifar: Callable[..., Any], tmp_path: Path) -> None:
    checkpoint = run / "checkpoints" / "last.pt"
    of_run = json.loads(cifar("eval", run, "--weights", "last", "--json").out)
    of_file = json.loads(cifar("eval", checkpoint, "--json").out)
    assert of_file["network"] == f"run {run.name}, last weights (epoch 2)"
    assert of_file["confusion"] == of_run["confusion"]
    (tmp_path / "kept").mkdir()
    shutil.move(checkpoint, tmp_path / "kept" / "good.pt")
    moved = json.loads(cifar("eval", "kept/good.pt", "--json").out)
    assert moved["network"] == "checkpoint kept/good.pt (epoch 2)"
    assert moved["run"] == "logs/good"
    assert (moved["confusion"], moved["loss"]) == (of_run["confusion"], of_run["loss"])
    assert cifar("eval", "kept/good.pt").err.splitlines()[-1] == "next: cifar visualize-layer conv1 kept/good.pt"


def test_a_configuration_names_its_untrained_network(cifar: Callable[..., Any]) -> None:
    outcome = cifar("eval", "--config", "small.yaml", "seed=3", "--json")
    measured = json.loads(outcome.out)
    assert (measured["network"], measured["checkpoint"], measured["epoch"]) == (
        "the untrained network of small.yaml",
        None,
        0,
    )
    assert measured["loss"] == pytest.approx(2.3, abs=0.2)  # ln 10: equal probabilities of ten classes
    # The next command names the same network, which has no run.
    next_command = outcome.err.splitlines()[-1].removeprefix("next: cifar ").split()
    assert next_command == ["visualize-layer", "conv1", "--config", "small.yaml", "seed=3"]
    assert cifar(*next_command).code == 0


def test_a_hundred_classes_are_drawn_but_not_printed_as_a_matrix(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    images = torch.randint(256, (200, 3, 32, 32), dtype=torch.uint8)
    many = ImageSet("cifar100", images, torch.arange(200) % 100, tuple(f"class {number}" for number in range(100)))
    fake_dataset = replace(cifar_dataset.CIFAR100, read=lambda root: (many, many))
    monkeypatch.setattr(cifar_dataset, "CIFAR100", fake_dataset)
    outcome = cifar("eval", "--config", "mlp", "data.name=cifar100", "data.val_size=100")
    assert outcome.code == 0, outcome.err
    assert (
        "a confusion matrix of 100 classes is too wide for a terminal; the picture has it" in outcome.err.splitlines()
    )
    assert "predicted" not in outcome.out
    assert outcome.out.count("class ") == 101  # a row per class, and the heading
    with Image.open(tmp_path / "logs" / "mlp-untrained" / "images" / "confusion-test.png") as picture:
        picture.load()


# --- refused networks ----------------------------------------------------------------------------------------------


class Hostile:
    """Leaves a file behind when a pickle of it is read carelessly."""

    def __init__(self, marker: Path) -> None:
        self.marker = marker

    def __reduce__(self) -> tuple[Any, ...]:
        return os.mkdir, (str(self.marker),)


def test_a_checkpoint_with_code_is_not_opened(cifar: Callable[..., Any], tmp_path: Path) -> None:
    marker = tmp_path / "executed"
    contents = {"format": 1, "config": Hostile(marker), "model": {}, "progress": {}}
    torch.save(contents, tmp_path / "hostile.pt")
    (tmp_path / "raw.pt").write_bytes(pickle.dumps(contents))
    outcome = cifar("eval", "hostile.pt")
    assert outcome.code == 1
    assert outcome.err == (
        "error: hostile.pt: expected tensors and plain values, found something that would have to be run to be read; "
        "it was not opened. Use a checkpoint that this program wrote\n"
    )
    assert cifar("eval", "raw.pt").code == 1
    assert not marker.exists()
    torch.load(tmp_path / "hostile.pt", weights_only=False)
    assert marker.exists()  # the trap works


def test_weights_of_another_network_are_refused_with_layer_and_shape(
    run: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    saved = torch.load(run / "checkpoints" / "last.pt", weights_only=True)
    saved["config"] = (tmp_path / "small.yaml").read_text().replace("out_channels: 8", "out_channels: 16")
    torch.save(saved, tmp_path / "other.pt")
    outcome = cifar("eval", "other.pt")
    assert outcome.code == 1
    assert outcome.err.startswith(
        "error: other.pt: expected the weights of the network its configuration describes, found others: "
        "size mismatch for conv1.weight: "
    )
    assert "[8, 3, 3, 3]" in outcome.err
    assert "[16, 3, 3, 3]" in outcome.err
    assert outcome.err.endswith("Take a checkpoint as training wrote it\n")


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["eval"], 1, "logs: expected a run, found none yet; make one with: cifar train --config quickstart"),
        (["eval", "x" * 300], 2, "expected a run folder, a checkpoint file, or the name of a run under logs"),
        (["eval", "/nowhere.pt"], 1, "/nowhere.pt: expected a checkpoint, found no such file; name a run folder"),
        (
            ["eval", "small.yaml"],
            2,
            "small.yaml: expected a run or a checkpoint of this program, found a configuration",
        ),
        (
            ["eval", "--split", "tset"],
            2,
            "--split: expected one of test, val, train, found 'tset'; did you mean 'test'?",
        ),
        (["eval", "--weights", "first"], 2, "--weights: expected one of best, last, found 'first'"),
        (
            ["eval", "run", "--config", "small.yaml"],
            2,
            "expected a run or --config, found both: 'run' and --config small.yaml; leave one out",
        ),
        (
            ["eval", "run", "optimizer.lr=1", "evaluation.tta=none"],
            2,
            "optimizer.lr=1: a run's configuration is fixed except for evaluation, data.root, train.device, "
            "train.precision; key=value needs --config FILE|NAME\n",
        ),
        (
            ["eval", "a/last.pt", "--weights", "best"],
            2,
            "--weights best: expected a run with several checkpoints, found 'a/last.pt'; leave --weights out",
        ),
        (
            ["eval", "--config", "small.yaml", "--split", "val", "data.val_size=0"],
            2,
            "--split val: expected held-out images, found data.val_size 0; write --split test",
        ),
    ],
    ids=lambda value: " ".join(value)[:40] if isinstance(value, list) else "",
)
def test_a_mistake_is_reported_with_its_mend(
    words: list[str], code: int, message: str, cifar: Callable[..., Any]
) -> None:
    outcome = cifar(*words)
    assert (outcome.code, outcome.out) == (code, "")
    assert message in outcome.err
    assert "Traceback" not in outcome.err


def test_a_mistake_in_the_evaluation_keys_is_reported(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("eval", run, "evaluation.tta=mirrors", "evaluation.tta_fraction=0")
    assert (outcome.code, outcome.out) == (2, "")
    assert outcome.err == (
        "error:\n"
        "command line: evaluation.tta: expected one of none, mirror, mirror_translate, found 'mirrors'; "
        "did you mean 'mirror'?\n"
        "command line: evaluation.tta_fraction: expected a fraction of the images, above 0 and at most 1, found 0; "
        "write for example 0.25\n"
    )


def test_a_run_without_held_out_images_has_no_best_weights(run: Path, cifar: Callable[..., Any]) -> None:
    (run / "checkpoints" / "best.pt").unlink()
    outcome = cifar("eval", "--weights", "best")
    assert outcome.code == 1
    assert (
        "checkpoints/best.pt: expected the best epoch's checkpoint, found none: with data.val_size=0 no epoch is "
        "chosen; write --weights last" in outcome.err
    )
    assert json.loads(cifar("eval", "--json").out)["network"] == f"run {run.name}, last weights (epoch 2)"


@pytest.mark.parametrize("words", [[], ["--json"]], ids=["tables", "json"])
def test_a_picture_that_cannot_be_written_costs_no_result(
    words: list[str], run: Path, cifar: Callable[..., Any]
) -> None:
    whole = cifar("eval", run, *words)
    shutil.rmtree(run / "images")
    (run / "images").write_text("a file where the folder should be")
    outcome = cifar("eval", run, *words)
    assert (outcome.code, outcome.out) == (0, whole.out)
    assert outcome.err.count("warning: ") == 2  # the other says that the images are synthetic
    assert (
        f"warning: {run}/images/confusion-test.png: could not be written: File exists; a file stands in the place "
        "of a folder of this path; move it away; the picture of the confusion matrix is left out\n"
    ) in outcome.err
    assert "wrote" not in outcome.err


@pytest.mark.parametrize("name", [r"a$\frac$b", "b\udcffd"], ids=["mathtext", "not UTF-8"])
def test_a_run_of_any_name_is_measured_and_drawn(name: str, run: Path, cifar: Callable[..., Any]) -> None:
    renamed = run.rename(run.with_name(name))
    outcome = cifar("eval", renamed)
    assert (outcome.code, outcome.out[:8]) == (0, "accuracy"), outcome.err
    assert (renamed / "images" / "confusion-test.png").is_file()
