"""A run's observers: their order, the length of the progress bar, and a program's own observers."""

import io
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch
from rich.console import Console

from cifar_cli import config
from cifar_cli.builders.build_training import build_runtime, build_training
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.observers import progress_bar
from cifar_cli.observers.checkpoint_writer import CheckpointWriter
from cifar_cli.observers.run_records import RunRecords
from cifar_cli.runner import observers
from cifar_cli.runner.observers import TrainingRun, build_observers
from cifar_cli.runs.run_folder import create_run
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import Observer
from cifar_cli.training.runtime import CPU, Runtime

GPU = Runtime(torch.device("cuda"), "bf16")


@pytest.fixture
def make_run(small_splits: Splits, tmp_path: Path) -> Callable[..., TrainingRun]:
    def make(*overrides: str) -> TrainingRun:
        words = ["data.name=synthetic", "data.batch_size=50", "train.device=cpu", "log.feature_layers=[]", *overrides]
        experiment = config.load("mlp", words)
        training = build_training(experiment, small_splits, build_runtime(experiment))
        return TrainingRun(create_run(tmp_path, "demo"), experiment, small_splits, training)

    return make


def records_of(run: TrainingRun) -> RunRecords:
    return RunRecords(run.folder, facts=run.facts, progress=run.training.state.progress, warn=print)


def test_extra_observers_are_called_before_anything_of_the_step_is_saved(
    make_run: Callable[..., TrainingRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    own = Observer()
    monkeypatch.setattr(observers, "EXTRA_OBSERVERS", [own])
    run = make_run()
    records = records_of(run)
    *_, first, second, third = build_observers(run, records, Console())
    assert (first, second) == (own, records)
    assert isinstance(third, CheckpointWriter)


def test_the_bar_is_full_after_epochs_of_different_lengths(
    make_run: Callable[..., TrainingRun], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress_bar, "SECONDS_BETWEEN_UPDATES", 0.0)
    run = make_run("train.epochs=3", "data.hard_example_fractions=[1, 0.5]")
    console = Console(file=io.StringIO(), force_terminal=True, width=160)
    bar, *_ = build_observers(run, records_of(run), console)
    fit(run.training.state, run.training.task, runtime=run.training.runtime, observers=[bar])
    bar.close()
    assert "100%" in console.file.getvalue()  # type: ignore[attr-defined]


@pytest.mark.parametrize(
    ("runtime", "word", "is_captured", "expected"),
    [
        (CPU, "train.compile=false", False, False),
        (CPU, "train.compile=true", False, True),
        (GPU, "train.compile=false", False, True),
        (GPU, "train.compile=false", True, False),
    ],
)
def test_the_first_step_warms_up_if_it_chooses_or_compiles_kernels_that_are_not_timed_apart(
    runtime: Runtime, word: str, is_captured: bool, expected: bool
) -> None:
    run, splits = cast(Any, None), cast(Any, None)
    cache = SimpleNamespace(compile_seconds=2.5) if is_captured else None
    training = cast(Any, SimpleNamespace(runtime=runtime, task=SimpleNamespace(graph_cache=cache)))
    training_run = TrainingRun(run, config.load("sequential", [word]), splits, training)
    assert training_run.warms_up == expected
    assert (training_run.compile_seconds and training_run.compile_seconds()) == (2.5 if is_captured else None)
