"""`cifar train`: what it leaves, what it says, and how it ends."""

import csv
import json
import math
import subprocess
import sys
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from rich.console import Console
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from cifar_cli import config
from cifar_cli.builders.load_data import load_data
from cifar_cli.data.datasets import open_dataset
from cifar_cli.observers.progress_bar import ProgressBar
from cifar_cli.optim.schedules.table import SCHEDULES
from cifar_cli.optim.table import OPTIMIZERS
from cifar_cli.runner import observers
from cifar_cli.runner import start as train_command

METRICS_HEADER = "epoch,step,lr,train_loss,train_accuracy,val_loss,val_accuracy,images_per_second,seconds"
TIMES = ("images_per_second", "seconds")
SUMMARY_KEYS = (
    "name, status, dataset, model, parameters, seed, device, precision, epochs, best_epoch, train, val, test, "
    "images_per_second, train_seconds, wall_seconds, peak_memory_bytes"
)
PARAMETERS = (3 * 3 * 3 + 1) * 8 + (8 * 8 * 8 + 1) * 10  # conv1 and fc1 of small.yaml


def read_rows(run: Path) -> list[dict[str, str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return list(csv.DictReader(file))


def without_times(rows: Iterable[dict[str, str]]) -> list[dict[str, str]]:
    return [{key: value for key, value in row.items() if key not in TIMES} for row in rows]


def read_summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


def read_weights(run: Path, which: str = "last") -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / f"{which}.pt", weights_only=True)["model"]


def only_run(folder: Path) -> Path:
    (run,) = (folder / "logs").iterdir()
    return run


def equal(one: dict[str, torch.Tensor], other: dict[str, torch.Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[key], other[key]) for key in one)


# --- what it leaves ------------------------------------------------------------------------------------------------


def test_the_run_folder_holds_what_is_promised_and_nothing_else(trained: tuple[Path, Any]) -> None:
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
        ".lock",
        *events,
    }


TRAINING_THEN_MODULES = """
import atexit, sys
from functools import partial
atexit.register(lambda: print("MODULES", *{name.partition(".")[0] for name in sys.modules}))
from cifar_cli.data.datasets import open_dataset
from cifar_cli.data.datasets.synthetic import synthetic_sets
open_dataset.synthetic_sets = partial(synthetic_sets, train_size=600, test_size=100)
from cifar_cli.__main__ import main
main()
"""


def test_a_training_does_not_import_what_it_does_not_use(cifar: Callable[..., Any], tmp_path: Path) -> None:
    cifar("--version")  # writes small.yaml
    words = ["train", "--config", "small.yaml", "train.epochs=1"]
    process = subprocess.run(
        [sys.executable, "-c", TRAINING_THEN_MODULES, *words], cwd=tmp_path, capture_output=True, text=True, check=True
    )
    modules = process.stdout.splitlines()[-1].split()
    assert {"MODULES", "torch", "tensorboard"} <= set(modules)
    assert not {"torchvision", "matplotlib", "scipy", "tensorflow", "jinja2"} & set(modules)


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


def test_the_environment_says_what_it_ran_on(trained: tuple[Path, Any]) -> None:
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


# --- what it says --------------------------------------------------------------------------------------------------


def test_results_go_to_stdout_and_progress_to_stderr(trained: tuple[Path, Any]) -> None:
    run, outcome = trained
    summary = read_summary(run)
    shown = f"logs/{run.name}"
    assert "test, read once" in outcome.out
    assert f"{summary['test']['accuracy']:.2%}" in outcome.out
    assert "epoch" not in outcome.out.replace(f"epoch {summary['best_epoch']}, the best on validation", "")
    lines = outcome.err.splitlines()
    assert f"small: sequential with {PARAMETERS:,} parameters on synthetic" in outcome.err
    assert "(500 training, 100 validation, 100 test images)" in outcome.err
    assert "2 epochs of 10 steps, batch 50, sgd at lr 0.05, seed 0" in outcome.err
    assert f"writing to {shown}/ (watch it: tensorboard --logdir logs)" in lines
    assert [line[:9] for line in lines if line.startswith("epoch")] == ["epoch 1/2", "epoch 2/2"]
    assert lines[-2:] == [f"wrote {shown}/", f"next: cifar eval {shown}"]


def test_synthetic_images_are_named_as_such_wherever_one_looks(trained: tuple[Path, Any]) -> None:
    run, outcome = trained
    assert run.name.startswith("small-synthetic-")
    assert read_summary(run)["dataset"] == "synthetic"
    assert "small on synthetic" in outcome.out
    assert "warning: these are SYNTHETIC images, drawn by this program" in outcome.err


# --- what it does --------------------------------------------------------------------------------------------------


def test_training_again_from_a_runs_configuration_gives_the_same_numbers_to_the_bit(
    run: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    assert cifar("train", "--config", run / "config.yaml").code == 0
    (again,) = set((tmp_path / "logs").iterdir()) - {run}
    assert (again / "config.yaml").read_text() == (run / "config.yaml").read_text()
    assert without_times(read_rows(again)) == without_times(read_rows(run))
    assert equal(read_weights(again), read_weights(run))
    assert read_summary(again)["test"] == read_summary(run)["test"]


def test_another_seed_gives_other_weights(run: Path, cifar: Callable[..., Any], tmp_path: Path) -> None:
    assert cifar("train", "--config", "small.yaml", "seed=1", "log.dir=others").code == 0
    (other,) = (tmp_path / "others").iterdir()
    assert not equal(read_weights(other), read_weights(run))
    assert read_summary(other)["seed"] == 1


@pytest.mark.parametrize("weights", [None, "best", "last"])
def test_the_summarys_test_figures_are_the_best_weights(
    weights: str | None, run: Path, cifar: Callable[..., Any]
) -> None:
    words = ["--weights", weights] if weights else []
    measured = json.loads(cifar("eval", run, "--json", *words).out)
    is_same = {key: measured[key] for key in ("loss", "accuracy")} == pytest.approx(read_summary(run)["test"], abs=1e-7)
    is_best = weights != "last" or read_summary(run)["best_epoch"] == 2
    assert is_same == is_best


def test_the_first_of_equally_good_epochs_is_the_best_and_its_weights_are_tested(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    # Steps so small that weights move and no validation image changes its class.
    assert cifar("train", "--config", "small.yaml", "optimizer.lr=1e-5", "optimizer.momentum=0").code == 0
    run = only_run(tmp_path)
    rows, summary = read_rows(run), read_summary(run)
    assert rows[0]["val_accuracy"] == rows[1]["val_accuracy"]
    assert summary["best_epoch"] == 1
    assert not equal(read_weights(run, "best"), read_weights(run, "last"))
    losses = {
        which: json.loads(cifar("eval", run, "--json", "--weights", which).out)["loss"] for which in ("best", "last")
    }
    assert losses["best"] != losses["last"]
    assert summary["test"]["loss"] == losses["best"]


def test_the_whole_command_counts_from_its_beginning(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def slowly(*arguments: Any) -> Any:
        time.sleep(0.5)
        return load_data(*arguments)

    monkeypatch.setattr(train_command, "load_data", slowly)
    began = time.perf_counter()
    assert cifar("train", "--config", "small.yaml", "train.epochs=1").code == 0
    elapsed = time.perf_counter() - began
    assert elapsed - 0.4 < read_summary(only_run(tmp_path))["wall_seconds"] < elapsed


def test_with_nothing_held_out_no_epoch_is_chosen(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("train", "--config", "small.yaml", "data.val_size=0", "train.epochs=1")
    assert outcome.code == 0
    run = only_run(tmp_path)
    summary, (row,) = read_summary(run), read_rows(run)
    assert (summary["best_epoch"], summary["val"]) == (None, None)
    assert (row["val_loss"], row["val_accuracy"]) == ("", "")
    assert sorted(path.name for path in (run / "checkpoints").iterdir()) == ["last.pt", "previous.pt"]
    assert "epoch 1, the last" in outcome.out
    assert "no validation" in outcome.err
    assert "loss/val" not in EventAccumulator(str(run)).Reload().Tags()["scalars"]
    measured = json.loads(cifar("eval", run, "--json").out)
    assert summary["test"] == {"loss": measured["loss"], "accuracy": measured["accuracy"]}


def test_the_test_looks_at_the_images_as_configured_and_validation_as_they_are(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar("train", "--config", "small.yaml", "train.epochs=1", "evaluation.tta=mirror_translate")
    assert outcome.code == 0
    run = only_run(tmp_path)
    summary = read_summary(run)

    def measured(split: str, views: str) -> dict[str, float]:
        outcome = json.loads(cifar("eval", run, "--json", "--split", split, f"evaluation.tta={views}").out)
        return {"loss": outcome["loss"], "accuracy": outcome["accuracy"]}

    assert summary["test"] == measured("test", "mirror_translate")
    assert summary["test_plain"] == measured("test", "none")
    assert summary["val"] == pytest.approx(measured("val", "none"), rel=1e-6)
    assert list(summary)[list(summary).index("test") + 1] == "test_plain"
    with_views, plain = outcome.out.splitlines()[-4:-2]
    assert [cell.strip() for cell in with_views.strip("│").split("│")] == [
        "test, read once, with TTA",
        f"{summary['test']['loss']:.4f}",
        f"{summary['test']['accuracy']:.2%}",
    ]
    assert plain.strip("│ ").startswith("test, each image as it is")
    assert f"{summary['test_plain']['accuracy']:.2%}" in plain


@pytest.mark.parametrize("schedule", SCHEDULES)
@pytest.mark.parametrize("optimizer", OPTIMIZERS)
def test_every_optimiser_trains_with_every_schedule(
    optimizer: str, schedule: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    suited = " normalize_weights: false," if optimizer == "muon" else ""  # no normalisation follows this layer
    (tmp_path / "any.yaml").write_text(
        "data: {name: synthetic, batch_size: 100, val_size: 0}\n"
        "model: {layers: [flatten: Flatten, fc: {type: Linear, out_features: 10}]}\n"
        "loss: {label_smoothing: 0.1}\n"
        f"optimizer: {{name: {optimizer}, lr: 0.001, weight_decay: 0.01,{suited}\n"
        "            groups: [{parameters: [fc.bias], name: sgd, lr: 0.001}]}\n"
        f"schedule: {{name: {schedule}}}\n"
        "train: {epochs: 2, device: cpu, precision: fp32, clip_grad_norm: 1.0}\n"
    )
    outcome = cifar("train", "--config", "any.yaml")
    assert outcome.code == 0, outcome.err
    first, second = (float(row["train_loss"]) for row in read_rows(only_run(tmp_path)))
    assert second < first


def test_label_smoothing_and_precision_reach_the_loss(
    cifar: Callable[..., Any],
    tmp_path: Path,
    small_splits: open_dataset.Splits,
    small_logits: Callable[[Mapping[str, Tensor], Tensor], Tensor],
) -> None:
    words = ["loss.label_smoothing=0.3", "train.precision=fp32", "train.epochs=1"]
    assert cifar("train", "--config", "small.yaml", *words).code == 0
    run = only_run(tmp_path)
    assert small_splits.val is not None
    log_probabilities = small_logits(read_weights(run), small_splits.val.images).log_softmax(dim=1)  # (100, 10)
    of_label = log_probabilities[torch.arange(100), small_splits.val.labels]
    expected = -(0.7 * of_label + 0.3 * log_probabilities.mean(dim=1)).mean()
    (row,) = read_rows(run)
    assert float(row["val_loss"]) == pytest.approx(expected.item(), rel=1e-5)
    assert read_summary(run)["precision"] == "fp32"


def test_clipping_bounds_how_far_the_weights_go(cifar: Callable[..., Any], tmp_path: Path) -> None:
    # Plain SGD moves all weights together by at most lr · norm a step: here 0.05 · 1e-3 in each of ten steps.
    words = ["optimizer.momentum=0", "schedule={name: constant}", "train.clip_grad_norm=1e-3", "train.epochs=1"]
    assert cifar("train", "--config", "small.yaml", *words).code == 0
    torch.manual_seed(0)
    drawn = {
        f"{name}.{key}": tensor
        for name, layer in {"conv1": nn.Conv2d(3, 8, 3, padding=1), "fc1": nn.Linear(512, 10)}.items()
        for key, tensor in layer.state_dict().items()
    }
    weights = read_weights(only_run(tmp_path))
    distance = torch.cat([(weights[key] - drawn[key]).flatten() for key in drawn]).norm().item()
    assert 0.1 * 5e-4 < distance <= 1.001 * 5e-4


# --- when there are no images --------------------------------------------------------------------------------------


@pytest.mark.usefixtures("no_network")
def test_without_data_and_network_it_names_three_ways_out(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("train", "--config", "mlp")
    assert outcome.code == 1
    assert outcome.err.startswith("error: cifar-10-python.tar.gz: no mirror could be reached\nThree ways out:\n")
    assert [line for line in outcome.err.splitlines() if line.startswith("  - ")] == [
        f"  - copy cifar-10-python.tar.gz (or the folder cifar-10-batches-py) from another machine into "
        f"{tmp_path / 'data'}",
        "  - name a mirror that can be reached: CIFAR_MIRROR=https://example.org/cifar-10-python.tar.gz, "
        "or data.mirrors",
        "  - use the synthetic set, which needs no network: data.name=synthetic",
    ]
    assert not (tmp_path / "logs").exists()


@pytest.mark.usefixtures("no_network")
def test_the_quickstart_falls_back_to_the_synthetic_set_and_says_so_loudly(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar("train", "--config", "quickstart", "train.epochs=1", "data.val_size=100", "data.batch_size=100")
    assert outcome.code == 0
    assert "warning: cifar-10-python.tar.gz: no mirror could be reached" in outcome.err
    assert "warning: these are SYNTHETIC images, drawn by this program; accuracies on them say nothing" in outcome.err
    run = only_run(tmp_path)
    assert run.name.startswith("quickstart-synthetic-")
    assert read_summary(run)["dataset"] == "synthetic"
    data = config.load(run / "config.yaml").data
    assert (data.name, data.fallback) == ("synthetic", None)
    assert "quickstart on synthetic" in outcome.out


# --- when it cannot go well ----------------------------------------------------------------------------------------


def test_weights_that_the_last_step_spoilt_are_a_divergence_too(cifar: Callable[..., Any], tmp_path: Path) -> None:
    words = ["data.val_size=0", "data.batch_size=600", "train.epochs=1", "optimizer.lr=1e30"]
    outcome = cifar("train", "--config", "small.yaml", *words)
    assert outcome.code == 1
    summary = read_summary(only_run(tmp_path))
    assert (summary["status"], summary["test"]) == ("failed", None)
    assert summary["error"].startswith("after epoch 1: expected a finite loss, found ")
    assert outcome.err.splitlines()[-1] == f"error: {summary['error']}"


def test_a_batch_larger_than_what_there_is_to_drop_nothing_of_is_told(cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--config", "small.yaml", "data.batch_size=501", "data.drop_last=true")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (
        2,
        "error: data.batch_size: expected at most the 500 images there are to train on, as data.drop_last is true, "
        "found 501; write a smaller one",
    )


def test_a_diverging_training_fails_with_advice_and_keeps_the_earlier_checkpoint(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    # One step an epoch. The first is taken at 1e30 · 1e-33; the later ones throw the weights out of all bounds.
    words = ["data.batch_size=500", "train.epochs=6", "optimizer.lr=1e30", "log.images_every=0"]
    schedule = "schedule={name: one_cycle, peak_at: 0.5, start_lr_ratio: 1e-33}"
    outcome = cifar("train", "--config", "small.yaml", schedule, *words)
    assert outcome.code == 1
    error = outcome.err.splitlines()[-1]
    assert error.startswith("error: epoch 2, before step 3: expected a finite loss, found ")
    assert error.endswith(
        "with optimizer.lr=1e+30; the training diverged. "
        "Try optimizer.lr=1e+29, and a tenth of that if it diverges again; train.clip_grad_norm=1 or a longer "
        "warm-up help where only the first steps are too large"
    )
    run = only_run(tmp_path)
    summary = read_summary(run)
    assert (summary["status"], summary["epochs"], summary["test"]) == ("failed", 1, None)
    assert len(read_rows(run)) == 1
    assert torch.load(run / "checkpoints" / "last.pt", weights_only=True)["progress"]["epoch"] == 1
    assert all(tensor.isfinite().all() for tensor in read_weights(run).values())


def test_where_groups_take_every_parameter_the_rate_told_is_one_that_a_person_can_change(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    groups = "optimizer.groups=[{name: sgd, parameters: [conv1.*], lr: 0.02}, {name: sgd, parameters: ['*'], lr: 0.03}]"
    words = ["train", "--config", "small.yaml", groups, "optimizer.lr=0.7", "schedule={name: constant}"]
    outcome = cifar(*words)
    assert outcome.code == 0, outcome.err
    run = only_run(tmp_path)
    assert [float(row["lr"]) for row in read_rows(run)] == [0.02, 0.02]
    events = EventAccumulator(str(run)).Reload()
    assert [event.value for event in events.Scalars("lr")] == pytest.approx([0.02, 0.02])
    assert "sgd at lr 0.02" in outcome.err

    outcome = cifar(*words, "optimizer.groups.0.lr=1e38")
    assert outcome.code == 1
    assert "with optimizer.groups.0.lr=1e+38; the training diverged. Try optimizer.groups.0.lr=1e+37, " in outcome.err
    assert cifar("config", "validate", "small.yaml", groups, "optimizer.groups.0.lr=1e37").code == 0


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (
            ["layers/conv1", "data.name=synthetic"],
            2,
            "model.layers: expected one score for each of the 10 classes of synthetic at the end, found 6×30×30 = "
            "5400 numbers from conv1; add `- flatten: Flatten` and `- fc: {type: Linear, out_features: 10}`",
        ),
        (
            ["cnn", "data.name=synthetic", "data.val_size=100", "log.feature_layers=[blocks.0.conv9]"],
            2,
            "no layer 'blocks.0.conv9'; did you mean 'blocks.0.conv2'? The layers are: blocks (Sequential), ",
        ),
        # Told before anything is downloaded.
        (["cnn", "data.root=none", "train.freeze=[conv9.*]"], 2, "train.freeze: expected the names of parameters"),
        (["cnn", "data.root=none", "init.whiten=conv9"], 2, "no layer 'conv9'"),
        (
            ["cnn", "data.name=synthetic", "data.val_size=83", "data.batch_size=43", "model.widths=[8,8,8,8,8]"],
            2,
            "data.batch_size: 517 images in batches of 43 leave a batch of one, in which a BatchNorm sees a single "
            "number; write data.drop_last=true, or another size",
        ),
        (["small.yaml", "log.feature_layers=[conv9]"], 2, "no layer is named 'conv9'; did you mean 'conv1'?"),
        (
            ["small.yaml", "train.precision=fp16", "train.device=cpu"],
            2,
            "train.precision: fp16 needs a GPU, found a CPU; write train.precision=auto",
        ),
        (
            ["small.yaml", "data.val_size=600"],
            2,
            "data.val_size: expected 0 to 599 of the 600 training images, found 600; write for example 60",
        ),
        (
            ["small.yaml", "log.dir=small.yaml"],
            1,
            "small.yaml: expected a folder to write runs to, found: File exists; name another with log.dir=FOLDER",
        ),
    ],
    ids=lambda value: value[-1] if isinstance(value, list) else "",
)
def test_what_cannot_be_trained_is_told_before_anything_is_written(
    words: list[str], code: int, message: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar("train", "--config", *words)
    assert outcome.code == code
    assert message in outcome.err
    assert "Traceback" not in outcome.err
    assert not (tmp_path / "logs").exists()


def test_epochs_of_the_hardest_images_are_told_of_and_the_bar_knows_their_steps(
    cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[int] = []

    def bar(console: Console, *, epochs: int, steps: int) -> ProgressBar:
        told.append(steps)
        return ProgressBar(console, epochs=epochs, steps=steps)

    monkeypatch.setattr(observers, "ProgressBar", bar)
    outcome = cifar("train", "--config", "small.yaml", "train.epochs=3", "data.hard_example_fractions=[1, 0.5]")
    assert outcome.code == 0, outcome.err
    assert "3 epochs of 5 to 10 steps, batch 50" in outcome.err
    words = "from epoch 2 on only the hardest 50 % of the images, and so on; training loss and accuracy are theirs\n"
    assert words in outcome.err
    assert told == [20]  # 500 images and twice 250, in batches of 50
