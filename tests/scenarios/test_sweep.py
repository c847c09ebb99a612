"""Searches from their first trial to their winner: what they leave behind, and how they end before their end."""

import csv
import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli import config
from cifar_cli.runs.run_folder import newest_run
from cifar_cli.sweep import run_sweep
from cifar_cli.sweep.trial_messages import WorkerSettings

WORDS = ["--config", "small.yaml", "train.epochs=1", "data.batch_size=100", "log.images_every=0"]
RANGES = ["optimizer.lr=log(1e-2,0.2)", "data.augment.translate=int(0,2)", "model.name=[mlp,sequential]"]


@pytest.fixture
def search(cifar: Callable[..., Any], worker_threads: list[WorkerSettings]) -> Callable[..., Any]:
    """Returns a function that runs `cifar sweep`, whose workers are threads, in the test's own folder."""
    return lambda *words: cifar("sweep", *words)


def only_sweep(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "logs").glob("*-sweep-*")
    return folder


def rows(folder: Path) -> list[dict[str, str]]:
    with (folder / "trials.csv").open() as file:
        return list(csv.DictReader(file))


# --- a search ------------------------------------------------------------------------------------------------------


def test_a_search_keeps_every_trial_tests_the_winner_alone_and_writes_its_configuration(
    search: Callable[..., Any], cifar: Callable[..., Any], tmp_path: Path, worker_threads: list[WorkerSettings]
) -> None:
    outcome = search(*WORDS, *RANGES, "--trials", "4")
    assert outcome.code == 0, outcome.err
    folder = only_sweep(tmp_path)
    assert [row["trial"] for row in rows(folder)] == ["0", "1", "2", "3"]
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["status"], summary["outcomes"]["complete"]) == ("completed", 4)
    best = max(rows(folder), key=lambda row: float(row["val_accuracy"]))
    assert (str(summary["winner"]["trial"]), best["run"]) == (best["trial"], summary["winner"]["run"])

    runs = {row["run"]: json.loads((folder / row["run"] / "summary.json").read_text()) for row in rows(folder)}
    assert {name for name, run in runs.items() if run["test"]} == {best["run"]}
    assert all(float(row["val_accuracy"]) == runs[row["run"]]["val"]["accuracy"] for row in rows(folder))
    assert summary["test"] == {"trial": int(best["trial"]), **runs[best["run"]]["test"]}
    measured = cifar("eval", folder / best["run"], "--json")
    assert json.loads(measured.out)["accuracy"] == summary["test"]["accuracy"]

    winner = config.load(folder / "best.yaml")
    assert winner == config.load(folder / best["run"] / "config.yaml").model_copy(update={"log": winner.log})
    assert winner.optimizer.lr == float(best["optimizer.lr"])
    assert newest_run(tmp_path / "logs") is None  # a command without a RUN does not take a trial
    for name in ("history.png", "importance.png"):
        assert (folder / "images" / name).read_bytes().startswith(b"\x89PNG")
    assert "model.layers: left out of the trials whose model has no such key" in outcome.err
    assert outcome.err.rstrip().endswith(f"next: cifar train --config {Path('logs') / folder.name / 'best.yaml'}")
    assert f"winner: trial {best['trial']}, " in outcome.out
    assert [settings.threads for settings in worker_threads] == [1]

    again = search("--resume", folder.name, "--json")  # nothing is left: the same results
    assert again.code == 0, again.err
    assert {**json.loads(again.out), "wall_seconds": 0} == {**summary, "wall_seconds": 0}
    refused = cifar("eval", folder.name)
    assert "expected one run, found a sweep; name one of its trials" in refused.err


def test_one_worker_gives_the_same_trials_each_time_also_resumed(search: Callable[..., Any], tmp_path: Path) -> None:
    def found(*limits: int) -> list[tuple[str, ...]]:
        for limit in limits:
            begun = [only_sweep(tmp_path)] if limit != limits[0] else []
            words = ["--resume", *begun] if begun else [*WORDS, RANGES[0], "--sampler", "random"]
            outcome = search(*words, "--trials", limit)
            assert outcome.code == 0, outcome.err
        folder = only_sweep(tmp_path)
        facts = [tuple(value for key, value in row.items() if key != "seconds") for row in rows(folder)]
        shutil.rmtree(folder)
        return facts

    assert found(3) == found(1, 3)


def test_the_winner_is_trained_with_other_seeds_each_tested(search: Callable[..., Any], tmp_path: Path) -> None:
    outcome = search(*WORDS, RANGES[0], "--trials", "1", "--seeds", "2", "--json")
    assert outcome.code == 0, outcome.err
    summary = json.loads(outcome.out)
    folder = only_sweep(tmp_path)
    runs = [json.loads((Path(tmp_path / run) / "summary.json").read_text()) for run in summary["test"]["runs"]]
    assert [run["seed"] for run in runs] == summary["test"]["seeds"] == [1, 2]
    accuracies = [run["test"]["accuracy"] for run in runs]
    assert summary["test"]["accuracy"] == pytest.approx(sum(accuracies) / 2)
    assert json.loads((folder / "trial-0000" / "summary.json").read_text())["test"] is None
    again = search("--resume", folder.name, "--json")
    assert json.loads(again.out)["test"] == summary["test"]


def test_what_diverges_is_kept_and_told_and_the_search_goes_on(search: Callable[..., Any], tmp_path: Path) -> None:
    outcome = search(*WORDS, "optimizer.lr=[1e30,0.05]", "--sampler", "grid")
    assert outcome.code == 0, outcome.err
    first, second = rows(only_sweep(tmp_path))
    assert (first["outcome"], second["outcome"]) == ("diverged", "complete")
    assert "expected a finite loss" in first["error"]
    assert "trial 0: diverged, val –, optimizer.lr=1e+30: epoch 1, before step" in outcome.err
    assert "2 trials: 1 complete, 1 diverged" in outcome.out


def test_a_sweep_without_a_complete_trial_says_why(search: Callable[..., Any]) -> None:
    outcome = search(*WORDS, "optimizer.lr=[1e30]", "--sampler", "grid")
    assert outcome.code == 1
    assert "expected at least one complete trial, found 1 that are not: trial 0: epoch 1, before step" in outcome.err


def test_trial_after_trial_that_cannot_be_trained_stops_the_sweep(
    search: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise RuntimeError("no luck")

    monkeypatch.setattr("cifar_cli.sweep.train_trial.build_training", fail)
    outcome = search(*WORDS, RANGES[0], "--trials", "9")
    assert outcome.code == 1
    assert "found 3 one after the other that cannot: trial 2: RuntimeError: no luck; mend the cause" in outcome.err
    assert [row["outcome"] for row in rows(only_sweep(tmp_path))] == ["failed"] * 3


# --- how it ends before its end ------------------------------------------------------------------------------------


def test_ctrl_c_saves_the_trial_and_resuming_finishes_it(
    search: Callable[..., Any], at_step: Callable[..., Any], tmp_path: Path
) -> None:
    words = [*WORDS, "train.epochs=2", RANGES[0], "--trials", "2"]
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with at_step(8, lambda state: os.kill(os.getpid(), signal.SIGINT)):
            stopped = search(*words)
    finally:
        signal.signal(signal.SIGINT, previous)
    folder = only_sweep(tmp_path)
    assert stopped.code == 130, stopped.err
    assert f"continue with: cifar sweep --resume {Path('logs') / folder.name}" in stopped.err
    assert json.loads((folder / "summary.json").read_text())["status"] == "interrupted"
    (before,) = rows(folder)
    assert before["outcome"] == "unfinished"
    resumed = search("--resume")
    assert resumed.code == 0, resumed.err
    assert "resuming trial 0" in resumed.err
    after = rows(folder)
    assert [row["outcome"] for row in after] == ["complete"] * 2
    assert after[0]["optimizer.lr"] == before["optimizer.lr"]


def test_the_time_ends_the_search_and_the_winner_is_chosen_among_the_finished(
    search: Callable[..., Any], at_step: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seconds = iter([0.0] * 4)
    monkeypatch.setattr(run_sweep.time, "monotonic", lambda: next(seconds, 1e9))
    outcome = search(*WORDS, RANGES[0], "--timeout", "2h", "--workers", "1")
    assert outcome.code in (0, 1), outcome.err
    assert rows(only_sweep(tmp_path))
