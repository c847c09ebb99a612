"""Searches from their first trial to their winner: what they leave behind, and how they end before their end."""

import csv
import json
import os
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import optuna
import pytest
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator
from tensorboard.plugins.hparams import metadata
from tensorboard.plugins.hparams.plugin_data_pb2 import HParamsPluginData

from cifar_cli import config
from cifar_cli.runs.run_folder import RunFolder, newest_run
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.runs.trial_record import TrialRecord
from cifar_cli.sweep import run_sweep
from cifar_cli.sweep.trial_messages import WorkerSettings
from cifar_cli.training.graceful_shutdown import ShutdownRequest

WORDS = ["--config", "small.yaml", "train.epochs=1", "data.batch_size=100", "log.images_every=0"]
Started = list[tuple[WorkerSettings, ShutdownRequest]]
RANGES = ["optimizer.lr=log(1e-2,0.2)", "data.augment.translate=int(0,2)", "model.name=[mlp,sequential]"]


@pytest.fixture
def search(cifar: Callable[..., Any], worker_threads: Started) -> Callable[..., Any]:
    """Returns a function that runs `cifar sweep`, whose workers are threads, in the test's own folder."""
    return lambda *words: cifar("sweep", *words)


def only_sweep(tmp_path: Path) -> Path:
    (folder,) = (tmp_path / "logs").glob("*-sweep-*")
    return folder


def read(table: Path) -> list[dict[str, str]]:
    with table.open() as file:
        return list(csv.DictReader(file))


def rows(folder: Path) -> list[dict[str, str]]:
    return read(folder / "trials.csv")


# --- a search ------------------------------------------------------------------------------------------------------


def test_a_search_keeps_every_trial_tests_the_winner_alone_and_writes_its_configuration(
    search: Callable[..., Any], cifar: Callable[..., Any], tmp_path: Path, worker_threads: Started
) -> None:
    outcome = search(*WORDS, *RANGES, "--trials", "3")
    assert outcome.code == 0, outcome.err
    folder = only_sweep(tmp_path)
    assert [row["trial"] for row in rows(folder)] == ["0", "1", "2"]
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["status"], summary["outcomes"]["complete"]) == ("completed", 3)
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
    assert (folder / "images" / "history.png").read_bytes().startswith(b"\x89PNG")
    assert "model.layers: left out of the trials whose model has no such key" in outcome.err
    assert outcome.err.rstrip().endswith(f"next: cifar train --config {Path('logs') / folder.name / 'best.yaml'}")
    assert f"winner: trial {best['trial']}, " in outcome.out
    assert [settings.threads for settings, _ in worker_threads] == [1]

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

    assert found(2) == found(1, 2)


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
    folder = only_sweep(tmp_path)
    assert [row["outcome"] for row in rows(folder)] == ["failed"] * 3
    again = search("--resume", "--trials", "3")
    more = f"mend the cause, and continue with more trials: cifar sweep --resume logs/{folder.name} --trials 6"
    assert again.err.splitlines()[-1].endswith(f"found 3 that are not: trial 0: RuntimeError: no luck; {more}")


# --- how it ends before its end ------------------------------------------------------------------------------------


def test_ctrl_c_saves_the_trial_and_resuming_finishes_it(
    search: Callable[..., Any], at_step: Callable[..., Any], tmp_path: Path, worker_threads: Started
) -> None:
    def press_ctrl_c(state: object) -> None:
        os.kill(os.getpid(), signal.SIGINT)
        (_, shutdown), *_ = worker_threads
        while not shutdown.signal_number:  # until the coordinating thread has told the worker
            time.sleep(0.01)

    words = [*WORDS, "train.epochs=2", RANGES[0], "--trials", "2"]
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with at_step(8, press_ctrl_c):
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
    search: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    finished: list[object] = []

    def tell(trial: TrialRecord, *, best: TrialRecord | None) -> str:
        finished.append(trial)
        return "told"

    monkeypatch.setattr(run_sweep, "describe_trial", tell)
    monkeypatch.setattr(run_sweep, "time", SimpleNamespace(monotonic=lambda: 1e12 if finished else 0.0))
    outcome = search(*WORDS, RANGES[0], "--timeout", "2h")
    assert outcome.code == 0, outcome.err
    folder = only_sweep(tmp_path)
    assert [row["outcome"] for row in rows(folder)] == ["complete"]
    summary = json.loads((folder / "summary.json").read_text())
    assert (summary["status"], summary["test"]["trial"]) == ("interrupted", 0)
    assert outcome.err.rstrip().endswith(f"next: cifar sweep --resume {Path('logs') / folder.name}")


def test_a_time_too_short_for_a_trial_says_how_to_go_on(
    search: Callable[..., Any],
    at_step: Callable[..., Any],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    worker_threads: Started,
) -> None:
    clock = [0.0]

    def let_the_time_pass(state: object) -> None:
        clock[0] = 1e12
        (_, shutdown), *_ = worker_threads
        while not shutdown.signal_number:
            time.sleep(0.01)

    monkeypatch.setattr(run_sweep, "time", SimpleNamespace(monotonic=lambda: clock[0]))
    for trials in (1, 0):  # the time is over in the first trial, then before it
        with at_step(2, let_the_time_pass):
            outcome = search(*WORDS, RANGES[0], "--timeout", "2h")
        folder = only_sweep(tmp_path)
        assert (outcome.code, outcome.err.splitlines()[-1]) == (
            1,
            f"error: logs/{folder.name}: expected at least one complete trial, found none when this command ended; "
            f"continue with: cifar sweep --resume logs/{folder.name}",
        )
        assert json.loads((folder / "summary.json").read_text())["status"] == "interrupted"
        assert len(rows(folder)) == trials
        shutil.rmtree(folder)


def test_a_database_that_cannot_be_opened_leaves_no_folder(search: Callable[..., Any], tmp_path: Path) -> None:
    outcome = search(*WORDS, RANGES[0], "--storage", "no database")
    assert outcome.code == 1
    assert "error: --storage: expected a database that can be opened" in outcome.err
    assert not (tmp_path / "logs").exists()


def test_the_study_that_is_named_is_the_one_in_the_database(search: Callable[..., Any], tmp_path: Path) -> None:
    storage = f"sqlite:///{tmp_path / 'search.db'}"
    outcome = search(*WORDS, RANGES[0], "--trials", "1", "--storage", storage)
    assert outcome.code == 0, outcome.err
    (study,) = optuna.get_all_study_summaries(storage)
    assert f"study {study.study_name} in the database of --storage: 0 trials so far\n" in outcome.err
    assert study.n_trials == 1


def test_what_is_refused_changes_nothing(search: Callable[..., Any], tmp_path: Path) -> None:
    assert search(*WORDS, RANGES[0], "--trials", "2").code == 0
    folder = only_sweep(tmp_path)
    settings = (folder / "sweep.json").read_bytes()
    with run_lock(RunFolder(folder), warn=print):
        second = search("--resume", folder.name, "--trials", "3")
    assert second.code == 1
    assert "expected a run that nobody trains, found one that process" in second.err
    fewer = search("--resume", folder.name, "--trials", "1")
    assert fewer.code == 2
    assert "expected --trials of at least the 2 that were begun, found 1; write --trials 2" in fewer.err
    assert (folder / "sweep.json").read_bytes() == settings
    assert len(rows(folder)) == 2


def test_ctrl_c_while_the_winner_is_tested_says_how_to_go_on(
    search: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def press_ctrl_c(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("cifar_cli.sweep.winner.evaluate_model", press_ctrl_c)
        outcome = search(*WORDS, RANGES[0], "--trials", "1")
    folder = only_sweep(tmp_path)
    resume = f"cifar sweep --resume {Path('logs') / folder.name}"
    assert (outcome.code, outcome.err.splitlines()[-1]) == (
        130,
        f"error: stopped before the winner was tested; continue with: {resume}",
    )
    assert json.loads((folder / "summary.json").read_text())["status"] == "interrupted"
    assert search("--resume").code == 0
    tested = json.loads((folder / "summary.json").read_text())["test"]
    assert tested["trial"] == 0
    shutil.rmtree(folder / "trial-0000")  # to make room: what was read of the test set is not read again
    assert json.loads(search("--resume", folder.name, "--json").out)["test"] == tested


# --- processes -----------------------------------------------------------------------------------------------------

TINY_SWEEP = """\
name: tiny
data: {name: folder, root: photos, val_size: null, batch_size: 10}
model: {name: mlp, hidden: [8]}
train: {epochs: 12, device: cpu, precision: fp32, checkpoint_seconds: 0.001}
log: {images_every: 0}
"""
EPOCHS = 12


def start(folder: Path, *words: str) -> subprocess.Popen[bytes]:
    with (folder / "stderr.txt").open("ab") as stderr:
        command = [sys.executable, "-m", "cifar_cli", "sweep", *words]
        # Without it, decoded images are kept below ./data, and not in the folder of whoever runs the tests.
        environment = {name: value for name, value in os.environ.items() if name != "CIFAR_DATA_DIR"}
        return subprocess.Popen(
            command, cwd=folder, stdout=subprocess.DEVNULL, stderr=stderr, env=environment, start_new_session=True
        )


def test_a_sweep_with_two_worker_processes_is_whole_after_kill_9_and_resuming(tmp_path: Path, photos: Path) -> None:
    # One test, since pytest-xdist would make what several share once in each of its processes.
    sweep = killed_and_resumed_sweep(tmp_path, photos)
    assert_no_trial_is_lost_and_none_is_there_twice(sweep)
    assert_a_killed_trial_has_each_epoch_once(sweep)
    assert_the_decoded_images_are_below_the_tests_own_folder(sweep)
    assert_each_worker_computes_with_its_share_of_the_threads(sweep)
    assert_trials_have_no_test_images_and_the_winner_alone_is_tested(sweep)
    assert_tensorboard_has_a_session_with_values_and_accuracy_for_each_trial(sweep)


def killed_and_resumed_sweep(folder: Path, photos: Path) -> Path:
    """Returns the folder of a sweep of four trials with two worker processes, killed among them and resumed."""
    (folder / "photos").symlink_to(photos)
    (folder / "tiny.yaml").write_text(TINY_SWEEP)
    ranges = ["optimizer.lr=log(1e-3,0.1)", "model.hidden=[[8],[16, 8]]", "data.augment.flip=[null,random]"]
    process = start(folder, "--config", "tiny.yaml", *ranges, "--trials", "4", "--workers", "2")
    deadline = time.monotonic() + 120
    while not is_one_trial_complete_and_another_in_the_middle(folder):
        assert process.poll() is None, (folder / "stderr.txt").read_text()
        assert time.monotonic() < deadline
        time.sleep(0.02)
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    (sweep,) = (folder / "logs").iterdir()
    shutil.copy(sweep / "trials.csv", folder / "before.csv")
    shutil.copy(sweep / "journal.log", folder / "before.log")
    assert start(folder, "--resume").wait() == 0, (folder / "stderr.txt").read_text()
    return sweep


def is_one_trial_complete_and_another_in_the_middle(folder: Path) -> bool:
    outcomes = {row["outcome"] for table in folder.glob("logs/*/trials.csv") for row in read(table)}
    epochs = [len(read(metrics)) for metrics in folder.glob("logs/*/trial-*/metrics.csv")]
    return "complete" in outcomes and any(0 < count <= EPOCHS // 2 for count in epochs)


def assert_no_trial_is_lost_and_none_is_there_twice(killed: Path) -> None:
    after = rows(killed)
    assert [(row["trial"], row["run"], row["outcome"]) for row in after] == [
        (str(number), f"trial-000{number}", "complete") for number in range(4)
    ]
    before = read(killed.parents[1] / "before.csv")
    assert [row for row in before if row["outcome"] == "complete"] == [
        row for row in after if row["trial"] in {old["trial"] for old in before if old["outcome"] == "complete"}
    ]
    begun = (killed.parents[1] / "before.log").read_text().count('"sweep":')
    resumed = (killed.parents[1] / "stderr.txt").read_text().partition("resuming trial")[2].partition("\n")[0]
    assert begun > sum(row["outcome"] == "complete" for row in before)  # some were being trained
    assert resumed


def assert_the_decoded_images_are_below_the_tests_own_folder(killed: Path) -> None:
    assert list((killed.parents[1] / "data" / "decoded").iterdir())


def assert_a_killed_trial_has_each_epoch_once(killed: Path) -> None:
    for run in killed.glob("trial-*"):
        assert [row["epoch"] for row in read(run / "metrics.csv")] == [str(epoch + 1) for epoch in range(EPOCHS)]
        assert json.loads((run / "summary.json").read_text())["status"] == "completed"


def assert_each_worker_computes_with_its_share_of_the_threads(killed: Path) -> None:
    shares = {json.loads((run / "env.json").read_text())["threads"] for run in killed.glob("trial-*")}
    whole = json.loads((killed / "env.json").read_text())["threads"]
    assert shares == {max(1, whole // 2)}
    assert f"epoch {EPOCHS}/{EPOCHS}" in (killed / "worker-0.log").read_text()


def assert_trials_have_no_test_images_and_the_winner_alone_is_tested(killed: Path) -> None:
    tested = [run.name for run in killed.glob("trial-*") if json.loads((run / "summary.json").read_text())["test"]]
    assert tested == [json.loads((killed / "summary.json").read_text())["winner"]["run"]]
    logs = "".join(path.read_text() for path in killed.glob("worker-*.log"))
    assert logs.count("6 validation, 0 test images") >= 2  # the first line of each training, but for resumed ones


def assert_tensorboard_has_a_session_with_values_and_accuracy_for_each_trial(killed: Path) -> None:
    experiment = plugin_data(killed / "hparams", metadata.EXPERIMENT_TAG).experiment
    domains = {info.name: info for info in experiment.hparam_infos}
    interval = domains["optimizer.lr"].domain_interval
    assert (interval.min_value, interval.max_value) == (0.001, 0.1)
    assert [value.string_value for value in domains["data.augment.flip"].domain_discrete.values] == ["null", "random"]
    assert [info.name.tag for info in experiment.metric_infos] == ["hparams/val_accuracy", "hparams/epochs"]
    for row in rows(killed):
        folder = killed / "hparams" / row["run"]
        session = plugin_data(folder, metadata.SESSION_START_INFO_TAG).session_start_info
        assert session.hparams["optimizer.lr"].number_value == float(row["optimizer.lr"])
        assert session.hparams["model.hidden"].string_value == row["model.hidden"]
        (event,) = accumulator(folder).Scalars("hparams/val_accuracy")
        assert event.value == pytest.approx(float(row["val_accuracy"]))


def accumulator(folder: Path) -> EventAccumulator:
    return EventAccumulator(str(folder)).Reload()


def plugin_data(folder: Path, tag: str) -> HParamsPluginData:
    content = accumulator(folder).SummaryMetadata(tag).plugin_data.content
    return HParamsPluginData.FromString(content)
