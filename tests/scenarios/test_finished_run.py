"""What a finished training leaves in its run folder, and what the command prints."""

import csv
import json
import math
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

METRICS_HEADER = "epoch,step,lr,train_loss,train_accuracy,val_loss,val_accuracy,images_per_second,seconds"
SUMMARY_KEYS = (
    "name, status, dataset, model, parameters, seed, device, precision, epochs, best_epoch, train, val, test, "
    "images_per_second, train_seconds, wall_seconds, peak_memory_bytes"
)
PARAMETERS = (3 * 3 * 3 + 1) * 8 + (8 * 8 * 8 + 1) * 10  # conv1 and fc1 of small.yaml


def read_rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def read_summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


def test_the_run_folder_holds_the_documented_files_and_no_others(trained: tuple[Path, Any]) -> None:
    run, _ = trained
    assert run.name.startswith("small-synthetic-20")
    events = [path.name for path in run.glob("events.out.tfevents.*")]
    assert len(events) == 1
    assert {str(path.relative_to(run)) for path in run.rglob("*") if path.is_file()} == {
        "config.yaml",
        "env.json",
        "metrics.csv",
        "summary.json",
        "checkpoints/last.pt",
        "checkpoints/previous.pt",
        "checkpoints/best.pt",
        "features/0.npz",
        "features/10.npz",
        "features/20.npz",
        "projector_config.pbtxt",
        "projector/vectors.tsv",
        "projector/labels.tsv",
        "projector/images.png",
        *events,
    }


TRAINING_THEN_MODULES = """
import atexit, sys
from functools import partial
atexit.register(lambda: print("MODULES", *sys.modules))
from cifar_cli.data.datasets import synthetic
from cifar_cli.data.datasets.synthetic import synthetic_sets
synthetic.synthetic_sets = partial(synthetic_sets, train_size=600, test_size=100)
from cifar_cli.__main__ import main
main()
"""


# Libraries, and parts of torch that torch's own optimizers, its add_graph and its FLOP counter import: 1.5 s together.
UNUSED = {"torchvision", "matplotlib", "scipy", "tensorflow", "jinja2", "pandas", "sklearn", "onnx", "sympy", "triton"}
UNUSED |= {"torch._dynamo", "torch.distributed.tensor", "torch.fx.experimental.symbolic_shapes"}
UNUSED |= {"torch.utils.flop_counter"}


def test_a_training_imports_no_library_that_it_does_not_use(cifar: Callable[..., Any], tmp_path: Path) -> None:
    cifar("--version")  # writes small.yaml
    # A last batch of one image, with which the network is tried before.
    words = ["train", "--config", "small.yaml", "train.epochs=1", "data.batch_size=499"]
    process = subprocess.run(
        [sys.executable, "-c", TRAINING_THEN_MODULES, *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    modules = set(process.stdout.splitlines()[-1].split())
    assert {"MODULES", "torch", "torch.optim", "tensorboard"} <= modules
    assert not UNUSED & modules


def test_metrics_have_the_promised_columns_and_a_row_per_epoch(trained: tuple[Path, Any]) -> None:
    assert (trained[0] / "metrics.csv").read_text().splitlines()[0] == METRICS_HEADER
    rows = read_rows(trained[0])
    # 500 images in batches of 50.
    assert [(row["epoch"], row["step"]) for row in rows] == [("1", "10"), ("2", "20")]
    # Step k of 20, from 0, has half a cosine from 0.05: 0.05 · (1 + cos(π k / 20)) / 2; a row has its last step's.
    expected = [0.05 * (1 + math.cos(math.pi * step / 20)) / 2 for step in (9, 19)]
    assert [float(row["lr"]) for row in rows] == pytest.approx(expected)
    for row in rows:
        assert 0 <= float(row["train_accuracy"]) <= 1
        assert 0 <= float(row["val_accuracy"]) <= 1
        assert float(row["images_per_second"]) == pytest.approx(500 / float(row["seconds"]))


def test_the_summary_has_the_promised_keys_and_agrees_with_the_metrics(trained: tuple[Path, Any]) -> None:
    summary, rows = read_summary(trained[0]), read_rows(trained[0])
    assert ", ".join(summary) == SUMMARY_KEYS
    facts = {key: summary[key] for key in ("name", "status", "dataset", "model", "parameters", "seed", "epochs")}
    assert facts == {
        "name": "small",
        "status": "completed",
        "dataset": "synthetic",
        "model": "sequential",
        "parameters": PARAMETERS,
        "seed": 0,
        "epochs": 2,
    }
    best = max(rows, key=lambda row: float(row["val_accuracy"]))  # of equals, max takes the first
    assert summary["best_epoch"] == int(best["epoch"])
    for split in ("train", "val"):
        figures = {key: float(best[f"{split}_{key}"]) for key in ("loss", "accuracy")}
        assert summary[split] == figures
    assert summary["test"].keys() == {"loss", "accuracy"}
    assert 0 <= summary["test"]["accuracy"] <= 1
    seconds = sum(float(row["seconds"]) for row in rows)
    assert summary["train_seconds"] == pytest.approx(seconds)
    assert summary["wall_seconds"] > seconds
    assert summary["images_per_second"] == pytest.approx(1000 / seconds)
    assert isinstance(summary["peak_memory_bytes"], int)
    assert summary["peak_memory_bytes"] > 2**20


@pytest.mark.parametrize("which", ["best", "last"])
def test_checkpoints_are_read_without_running_code_and_name_weights_as_layers(
    which: str, trained: tuple[Path, Any]
) -> None:
    saved = torch.load(trained[0] / "checkpoints" / f"{which}.pt", weights_only=True)
    shapes = {name: tuple(tensor.shape) for name, tensor in saved["model"].items()}
    assert shapes == {
        "conv1.weight": (8, 3, 3, 3),
        "conv1.bias": (8,),
        "fc1.weight": (10, 512),
        "fc1.bias": (10,),
    }
    assert saved["config"] == (trained[0] / "config.yaml").read_text()
    assert saved["progress"]["epoch"] == (2 if which == "last" else read_summary(trained[0])["best_epoch"])


def test_env_json_describes_the_machine(trained: tuple[Path, Any]) -> None:
    environment = json.loads((trained[0] / "env.json").read_text())
    assert environment["command"] == ["cifar", "train", "--config", "small.yaml"]
    assert environment["packages"]["torch"] == torch.__version__
    assert environment["threads"] == torch.get_num_threads()
    assert environment["data_root"] is None
    assert environment["precision"] == read_summary(trained[0])["precision"]


def test_tensorboard_has_the_promised_tags_in_one_run(trained: tuple[Path, Any]) -> None:
    events = EventAccumulator(str(trained[0])).Reload()
    tags = events.Tags()
    curves = {tag for tag in tags["scalars"] if not tag.startswith(("activations/", "gradients/", "update_ratio/"))}
    assert curves == {
        "loss/train",
        "loss/val",
        "accuracy/train",
        "accuracy/val",
        "lr",
        "throughput/images_per_second",
    }
    assert set(tags["images"]) >= {"features/conv1", "filters/conv1"}
    assert {tag.partition("/")[0] for tag in tags["images"]} == {"inputs", "features", "filters", "mistakes"}
    assert {f"activations/{layer}/mean" for layer in ("conv1", "relu1", "fc1")} <= set(tags["scalars"])
    assert tags["graph"]
    assert tags["tensors"] == ["config/text_summary"]
    accuracies = {event.step: event.value for event in events.Scalars("accuracy/val")}
    assert accuracies == {int(row["step"]): pytest.approx(float(row["val_accuracy"])) for row in read_rows(trained[0])}


def test_results_go_to_stdout_and_progress_to_stderr(trained: tuple[Path, Any]) -> None:
    run, outcome = trained
    summary = read_summary(run)
    shown = f"logs/{run.name}"
    assert "test, read at the end" in outcome.out
    assert f"{100 * summary['test']['accuracy']:.2f} %" in outcome.out
    assert "epoch" not in outcome.out.replace(f"epoch {summary['best_epoch']}, the best on validation", "")
    lines = outcome.err.splitlines()
    assert f"small: sequential with {PARAMETERS:,} parameters on synthetic" in outcome.err
    assert "(500 training, 100 validation, 100 test images)" in outcome.err
    assert "2 epochs of 10 steps, batch 50, sgd at lr 0.05, seed 0" in outcome.err
    assert f"writing to {shown}/ (watch it: tensorboard --logdir logs)" in lines
    assert [line[:9] for line in lines if line.startswith("epoch")] == ["epoch 1/2", "epoch 2/2"]
    assert lines[-2:] == [f"wrote {shown}/", f"next: cifar eval {shown}"]


def test_synthetic_images_are_named_in_folder_summary_and_output(trained: tuple[Path, Any]) -> None:
    run, outcome = trained
    assert run.name.startswith("small-synthetic-")
    assert read_summary(run)["dataset"] == "synthetic"
    assert "small on synthetic" in outcome.out
    assert "warning: these are SYNTHETIC images, drawn by this program" in outcome.err
