"""`cifar train`: the numbers of a run, how the keys of a configuration reach them, and divergence."""

import csv
import json
import time
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from torch import Tensor, nn

from cifar_cli.builders.load_data import load_data
from cifar_cli.data.datasets import open_dataset
from cifar_cli.optim.schedules.table import SCHEDULES
from cifar_cli.optim.table import OPTIMIZERS
from cifar_cli.runner import start

TIMES = ("images_per_second", "seconds")


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


def test_the_wall_time_includes_the_time_before_training(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock, waited = time.perf_counter, 0.0

    def load_for_an_hour(*arguments: Any, **others: Any) -> Any:
        nonlocal waited
        waited += 3600.0
        return load_data(*arguments, **others)

    monkeypatch.setattr(start, "load_data", load_for_an_hour)
    monkeypatch.setattr(time, "perf_counter", lambda: clock() + waited)
    assert cifar("train", "--config", "small.yaml", "train.epochs=1").code == 0
    summary = read_summary(only_run(tmp_path))
    assert summary["train_seconds"] + 3600 < summary["wall_seconds"]


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


def test_the_test_uses_tta_and_validation_does_not(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("train", "--config", "small.yaml", "train.epochs=1", "evaluation.tta=mirror_translate")
    assert outcome.code == 0
    run = only_run(tmp_path)
    summary = read_summary(run)

    def measured(split: str, tta: str) -> dict[str, float]:
        outcome = json.loads(cifar("eval", run, "--json", "--split", split, f"evaluation.tta={tta}").out)
        return {"loss": outcome["loss"], "accuracy": outcome["accuracy"]}

    assert summary["test"] == measured("test", "mirror_translate")
    assert summary["test_plain"] == measured("test", "none")
    assert summary["val"] == pytest.approx(measured("val", "none"), rel=1e-6)
    assert list(summary)[list(summary).index("test") + 1] == "test_plain"
    with_tta, plain, _, loss, _ = outcome.out.splitlines()[-5:]
    assert loss == "loss: cross_entropy, label_smoothing 0.0"
    assert [cell.strip() for cell in with_tta.strip("│").split("│")] == [
        "test, read at the end, with TTA",
        f"{summary['test']['loss']:.4f}",
        f"{100 * summary['test']['accuracy']:.2f} %",
    ]
    assert plain.strip("│ ").startswith("test, each image as it is")
    assert f"{100 * summary['test_plain']['accuracy']:.2f} %" in plain


# A schedule sees only parameter groups: muon comes with those of two optimizers.
@pytest.mark.parametrize(
    ("optimizer", "schedule"),
    [*((name, "cosine") for name in OPTIMIZERS), *(("muon", name) for name in SCHEDULES if name != "cosine")],
)
def test_every_optimizer_and_every_schedule_trains(
    optimizer: str, schedule: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    suited = " normalize_weights: false," if optimizer == "muon" else ""  # no normalization follows this layer
    (tmp_path / "any.yaml").write_text(
        f"data: {{name: synthetic, batch_size: 100, val_size: {100 * SCHEDULES[schedule].needs_validation}}}\n"
        "model: {layers: [flatten: Flatten, fc: {type: Linear, out_features: 10}]}\n"
        "loss: {label_smoothing: 0.1}\n"
        f"optimizer: {{name: {optimizer}, lr: 0.001, weight_decay: 0.01,{suited}\n"
        "            groups: [{parameters: [fc.bias], name: sgd, lr: 0.001}]}\n"
        f"schedule: {{name: {schedule}}}\n"
        "train: {epochs: 2, device: cpu, precision: fp32, clip_grad_norm: 1.0}\n"
        "log: {images_every: 0, statistics_every: 0, embeddings: 0}\n"
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
    initial = {
        f"{name}.{key}": tensor
        for name, layer in {"conv1": nn.Conv2d(3, 8, 3, padding=1), "fc1": nn.Linear(512, 10)}.items()
        for key, tensor in layer.state_dict().items()
    }
    weights = read_weights(only_run(tmp_path))
    distance = torch.cat([(weights[key] - initial[key]).flatten() for key in initial]).norm().item()
    assert 0.1 * 5e-4 < distance <= 1.001 * 5e-4


def test_weights_that_diverge_in_the_last_step_are_a_divergence_too(cifar: Callable[..., Any], tmp_path: Path) -> None:
    words = ["data.val_size=0", "data.batch_size=600", "train.epochs=1", "optimizer.lr=1e30"]
    outcome = cifar("train", "--config", "small.yaml", *words)
    assert outcome.code == 1
    summary = read_summary(only_run(tmp_path))
    assert (summary["status"], summary["test"]) == ("failed", None)
    assert summary["error"].startswith("after epoch 1: expected a finite loss, found ")
    assert outcome.err.splitlines()[-1].startswith(f"error: {summary['error']}")


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
        "Try optimizer.lr=0.01, and a tenth of that if it diverges again; train.clip_grad_norm=1 or a longer "
        "warm-up help where only the first steps are too large; small.yaml itself has optimizer.lr=0.05"
    )
    run = only_run(tmp_path)
    summary = read_summary(run)
    assert (summary["status"], summary["epochs"], summary["test"]) == ("failed", 1, None)
    assert len(read_rows(run)) == 1
    assert torch.load(run / "checkpoints" / "last.pt", weights_only=True)["progress"]["epoch"] == 1
    assert all(tensor.isfinite().all() for tensor in read_weights(run).values())


def test_if_groups_take_every_parameter_the_reported_learning_rate_is_a_groups(
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
    assert "with optimizer.groups.0.lr=1e+38; the training diverged. Try optimizer.groups.0.lr=0.01, " in outcome.err
    assert "itself has" not in outcome.err
    assert cifar("config", "validate", "small.yaml", groups, "optimizer.groups.0.lr=1e37").code == 0


def test_epochs_of_hard_examples_are_announced_and_have_fewer_steps(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("train", "--config", "small.yaml", "train.epochs=3", "data.hard_example_fractions=[1, 0.5]")
    assert outcome.code == 0, outcome.err
    assert "3 epochs of 5 to 10 steps, batch 50" in outcome.err
    images = "from epoch 2 on only the hardest 50 % of the images, and so on"
    assert f"{images}; training figures are of these images\n" in outcome.err
    # 500 images and twice 250, in batches of 50.
    assert [row["step"] for row in read_rows(only_run(tmp_path))] == ["10", "15", "20"]
