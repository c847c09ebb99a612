"""`cifar train --seeds`: a group's statistics against those of its runs, and how a group ends."""

import statistics
import weakref
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import pytest
import torch
from scipy import stats

from cifar_cli.builders.build_training import Training, build_training
from cifar_cli.console.result_tables import describe_seconds
from cifar_cli.distributed.process_group import ProcessGroup
from cifar_cli.runner import observers, seed_group_training
from cifar_cli.runner import seeds as seeds_module
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.training.observer import Observer
from cifar_cli.training.state import TrainingState

TRAIN = ("train", "--config", "small.yaml", "train.epochs=1")


def the_group(folder: Path) -> Path:
    (group,) = (folder / "logs").glob("*-seeds-*")
    return group


def runs_by_seed(folder: Path) -> dict[int, Path]:
    return {read_json(run / "summary.json")["seed"]: run for run in (folder / "logs").glob("*-seed[0-9]*")}


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    return torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]


# --- three seeds ---------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def three(cifar_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory, trained: tuple[Path, Any]) -> Any:
    """A folder with a finished group of three seeds, evaluated with TTA, and the outcome of its training."""
    folder = tmp_path_factory.mktemp("three")
    (folder / "small.yaml").write_text((trained[0].parents[1] / "small.yaml").read_text())
    outcome = cifar_in(folder, *TRAIN, "--seeds", "3", "seed=4", "evaluation.tta=mirror")
    assert outcome.code == 0, outcome.err
    return folder, outcome


def test_each_seed_is_a_run_of_its_own_from_the_configurations_seed_on(three: tuple[Path, Any]) -> None:
    folder, _ = three
    assert sorted(runs_by_seed(folder)) == [4, 5, 6]
    names = [run.name for run in runs_by_seed(folder).values()]
    assert all(name.startswith("small-synthetic-seed") for name in names)
    assert sorted(path.name for path in the_group(folder).iterdir()) == [
        "env.json",
        "group.yaml",
        "summary.json",
    ]


def test_the_groups_statistics_are_those_of_its_runs(three: tuple[Path, Any]) -> None:
    folder, _ = three
    summary, runs = read_json(the_group(folder) / "summary.json"), runs_by_seed(folder)
    assert (summary["status"], summary["seeds"], summary["dataset"]) == ("completed", [4, 5, 6], "synthetic")
    for entry in summary["runs"]:
        own = read_json(runs[entry["seed"]] / "summary.json")
        shared = ("status", "test", "test_plain", "train_seconds", "wall_seconds")
        assert entry == {"seed": own["seed"], "run": runs[own["seed"]].name, **{key: own[key] for key in shared}}
    for measure in ("test", "test_plain"):
        accuracies = [entry[measure]["accuracy"] for entry in summary["runs"]]
        low, high = stats.t.interval(0.95, 2, loc=statistics.mean(accuracies), scale=stats.sem(accuracies))
        assert summary[measure] == {
            "n": 3,
            "mean": pytest.approx(statistics.mean(accuracies)),
            "standard_deviation": pytest.approx(statistics.stdev(accuracies)),
            "confidence_95": [pytest.approx(low), pytest.approx(high)],
        }
    for time in ("train_seconds", "wall_seconds"):
        assert summary[f"mean_{time}"] == pytest.approx(statistics.mean(entry[time] for entry in summary["runs"]))
    assert summary["wall_seconds"] > sum(entry["wall_seconds"] for entry in summary["runs"])


def test_the_network_of_a_seed_is_freed_before_the_next_seed_starts(
    cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    trained: list[weakref.ref[torch.nn.Module]] = []
    left: list[int] = []

    def build(*arguments: Any, **keywords: Any) -> Training:
        left.append(sum(model() is not None for model in trained))
        training = build_training(*arguments, **keywords)
        trained.append(weakref.ref(training.state.model))
        return training

    for module in (seeds_module, seed_group_training):
        monkeypatch.setattr(module, "build_training", build)
    outcome = cifar(*TRAIN, "--seeds", "2")
    assert outcome.code == 0, outcome.err
    assert left == [0, 0, 0]  # the first shows that the configuration can be trained


def test_a_row_per_seed_and_the_means_go_to_stdout(three: tuple[Path, Any]) -> None:
    folder, outcome = three
    summary = read_json(the_group(folder) / "summary.json")
    rows = [line.strip("│ ").split("│") for line in outcome.out.splitlines() if line.startswith("│")]
    assert [[cell.strip() for cell in row] for row in rows] == [
        [
            str(entry["seed"]),
            f"{100 * entry['test']['accuracy']:.2f} %",
            f"{100 * entry['test_plain']['accuracy']:.2f} %",
            describe_seconds(entry["train_seconds"]),
            describe_seconds(entry["wall_seconds"]),
            entry["run"],
        ]
        for entry in summary["runs"]
    ]
    with_tta, plain, times = outcome.out.splitlines()[-3:]
    assert with_tta.startswith("test, with TTA: ")
    assert with_tta.endswith(", n = 3")
    assert " (95 % confidence, Student's t), standard deviation " in with_tta
    assert plain.startswith("test, each image as it is: ")
    assert f"{describe_seconds(summary['wall_seconds'])} for the whole command, images opened once" in times
    lines = outcome.err.splitlines()
    assert (
        lines.count(
            "warning: these are SYNTHETIC images, drawn by this program; accuracies on them say nothing about CIFAR-10"
        )
        == 1
    )
    assert lines[-2] == f"wrote logs/{the_group(folder).name}/summary.json"
    entry = summary["runs"][0]
    with_tta, without = (100 * entry[key]["accuracy"] for key in ("test", "test_plain"))
    note = f"seed 4: {with_tta:.2f} % on the test set ({without:.2f} % each image"
    assert f"{note} as it is)" in lines


def test_a_seed_of_a_group_is_the_same_training_as_alone(
    three: tuple[Path, Any], cifar: Callable[..., Any], tmp_path: Path
) -> None:
    assert cifar(*TRAIN, "seed=5").code == 0
    (alone,) = (tmp_path / "logs").iterdir()
    grouped = weights_of(runs_by_seed(three[0])[5])
    assert all(torch.equal(weight, grouped[name]) for name, weight in weights_of(alone).items())


def test_a_finished_group_is_neither_evaluated_nor_resumed(
    three: tuple[Path, Any], cifar_in: Callable[..., Any]
) -> None:
    folder, _ = three
    path = f"logs/{the_group(folder).name}"
    outcome = cifar_in(folder, "eval", path)
    assert (outcome.code, outcome.err) == (
        1,
        f"error: {path}: expected one run, found a group of them, one for each seed; "
        f"name one that {path}/summary.json lists\n",
    )
    outcome = cifar_in(folder, "train", "--resume", path)
    assert (outcome.code, outcome.err) == (
        2,
        f"error: {path}: expected a group with seeds left to train, found all 3 of them finished; "
        f"train others with: cifar train --config {path}/group.yaml --seeds LIST\n",
    )


# --- diverged, killed, spoilt ----------------------------------------------------------------------------------------


def test_a_seed_that_diverges_is_recorded_and_the_others_go_on(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Spoil(Observer):
        def step_ended(self, state: TrainingState) -> None:
            if len(runs_by_seed(tmp_path)) == 1:
                with torch.no_grad():
                    next(state.model.parameters()).fill_(float("nan"))

    monkeypatch.setattr(observers, "EXTRA_OBSERVERS", [Spoil()])
    outcome = cifar(*TRAIN, "--seeds", "2")
    group = the_group(tmp_path)
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1] == (
        f"error: logs/{group.name}: expected every seed's training to end, found that seed 0 (of 2) diverged; "
        "the figures are of the others. Try a smaller optimizer.lr"
    )
    summary = read_json(group / "summary.json")
    failed, completed = summary["runs"]
    assert (summary["status"], failed["status"], completed["status"]) == ("failed", "failed", "completed")
    assert "expected a finite loss, found nan" in failed["error"]
    assert f"warning: seed 0: {failed['error']}" in outcome.err
    assert summary["test"]["n"] == 1
    shown = f"test: {100 * completed['test']['accuracy']:.2f} %"
    assert f"{shown}, n = 1: the variation needs a second seed" in outcome.out
    again = cifar("train", "--resume", group)
    assert again.code == 2
    assert "found all 2 of them finished" in again.err


def test_a_group_killed_before_its_first_run_is_resumed(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def kill(self: seed_group_training.SeedGroupTraining) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(seed_group_training.SeedGroupTraining, "train", kill)
        assert cifar(*TRAIN, "--seeds", "2").code == 1
    assert cifar("train", "--resume").code == 0
    assert sorted(runs_by_seed(tmp_path)) == [0, 1]


def test_without_a_name_a_group_that_cannot_be_read_is_passed_over(
    cifar: Callable[..., Any], tmp_path: Path, run: Path
) -> None:
    group = tmp_path / "logs" / "spoilt-seeds-29991231-235959"
    group.mkdir()
    (group / "group.yaml").write_text("name: spoilt")
    write_json(run / "summary.json", {**read_json(run / "summary.json"), "status": "running"})
    outcome = cifar("train", "--resume")
    assert outcome.code == 0, outcome.err
    assert f"warning: {group.relative_to(tmp_path)}/summary.json: expected the group's runs" in outcome.err
    assert f"resuming logs/{run.name} after epoch 2" in outcome.err


def test_a_group_whose_summary_was_spoilt_is_not_guessed_at(
    three: tuple[Path, Any], cifar_in: Callable[..., Any]
) -> None:
    folder, _ = three
    summary = the_group(folder) / "summary.json"
    kept = read_json(summary)
    path = f"logs/{the_group(folder).name}"
    try:
        write_json(summary, {"runs": [{"seed": "one"}]})
        outcome = cifar_in(folder, "train", "--resume", path)
    finally:
        write_json(summary, kept)
    assert (outcome.code, outcome.err) == (
        1,
        f"error: {path}/summary.json: expected the group's runs, each with its seed, found none that can be read; "
        f"put it back as training wrote it, or start again with: cifar train --config {path}/group.yaml --seeds N\n",
    )


def test_several_processes_are_refused(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(seeds_module, "join_process_group", lambda: nullcontext(ProcessGroup(rank=0, size=2)))
    outcome = cifar(*TRAIN, "--seeds", "2")
    assert (outcome.code, outcome.err) == (
        2,
        "error: cifar train --seeds: expected one process, found 2; leave torchrun out, or train one seed at a time: "
        "seed=1\n",
    )
    assert not (tmp_path / "logs").exists()
