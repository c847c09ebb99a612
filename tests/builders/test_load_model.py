"""The state of the run whose network is opened: in the note on stderr, in the source, and in the JSON."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.runs.run_lock import run_lock

COMMANDS = [["eval"], ["visualize-layer", "conv1"], ["explain"]]


def end_as(run: Path, status: str, **entries: object) -> None:
    """Changes how the run ended."""
    write_json(run / "summary.json", {**read_json(run / "summary.json"), "status": status, **entries})


def first_line(outcome: Any) -> str:
    assert outcome.code == 0, outcome.err
    return str(outcome.err.splitlines()[0])


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_run_that_diverged_before_its_first_epoch_is_told_as_failed_and_untrained(
    command: list[str], cifar: Callable[..., Any], tmp_path: Path
) -> None:
    assert cifar("train", "--config", "small.yaml", "optimizer.lr=1e9").code == 1
    (run,) = (tmp_path / "logs").iterdir()
    error = read_json(run / "summary.json")["error"]
    assert error.startswith("epoch 1, before step 11: expected a finite loss, found nan")
    assert first_line(cifar(*command)) == (
        f"warning: run {run.name} failed; its weights are untrained, those before the first step; the reason: {error}"
    )


@pytest.mark.parametrize("command", COMMANDS, ids=lambda command: command[0])
def test_a_run_that_diverged_later_is_told_as_failed_with_the_epoch_of_its_weights(
    command: list[str], run: Path, cifar: Callable[..., Any]
) -> None:
    end_as(run, "failed", error="epoch 3, before step 27: expected a finite loss, found nan")
    weights = ["--weights", "last"]
    assert first_line(cifar(*command, *weights)) == (
        f"warning: run {run.name} failed; its weights are those after epoch 2, step 20, of 2 epochs; the reason: "
        "epoch 3, before step 27: expected a finite loss, found nan"
    )


@pytest.mark.parametrize("command", [["eval", "--json"], ["explain", "--json"]], ids=lambda command: command[0])
def test_the_json_of_a_failed_run_says_so_and_that_of_a_complete_run_too(
    command: list[str], run: Path, cifar: Callable[..., Any]
) -> None:
    complete = cifar(*command, "--weights", "last")
    assert json.loads(complete.out)["status"] == "completed"
    assert json.loads(complete.out)["network"] == f"run {run.name}, last weights (epoch 2)"
    assert "weights are" not in complete.err
    end_as(run, "failed", error="diverged")
    failed = json.loads(cifar(*command, "--weights", "last").out)
    assert (failed["status"], failed["epoch"]) == ("failed", 2)
    assert failed["network"] == f"run {run.name}, last weights (failed, epoch 2)"


@pytest.mark.parametrize("status", ["interrupted", "running"])
def test_a_run_that_was_stopped_or_killed_is_told_as_interrupted_and_how_to_continue(
    status: str, run: Path, cifar: Callable[..., Any]
) -> None:
    end_as(run, status)  # a killed process leaves `running` behind
    outcome = cifar("eval", "--weights", "last", "--json")
    assert first_line(outcome) == (
        f"run {run.name} was interrupted; its weights are those after epoch 2, step 20, of 2 epochs; "
        f"continue with: cifar train --resume logs/{run.name}"
    )
    assert json.loads(outcome.out)["status"] == "interrupted"


def test_a_run_that_crashed_for_another_reason_than_its_loss_can_be_continued(
    run: Path, cifar: Callable[..., Any]
) -> None:
    end_as(run, "failed")
    assert first_line(cifar("eval", "--weights", "last")).endswith(
        f"of 2 epochs; continue with: cifar train --resume logs/{run.name}"
    )


def test_the_command_that_continues_a_run_in_a_folder_with_a_blank_can_be_pasted(
    run: Path, cifar: Callable[..., Any]
) -> None:
    end_as(run, "interrupted")
    moved = run.rename(run.parent / "my run")
    assert first_line(cifar("eval", moved, "--json")).endswith(f"continue with: cifar train --resume '{moved}'")


def test_a_run_that_a_process_trains_is_told_as_being_trained(run: Path, cifar: Callable[..., Any]) -> None:
    end_as(run, "interrupted")  # and since then resumed
    with run_lock(RunFolder(run), warn=pytest.fail):
        outcome = cifar("eval", "--weights", "last", "--json")
    assert first_line(outcome) == (
        f"run {run.name} is being trained; its weights are those after epoch 2, step 20, of 2 epochs"
    )
    assert json.loads(outcome.out)["network"] == f"run {run.name}, last weights (running, epoch 2)"


def test_a_checkpoint_file_within_a_run_has_the_state_of_the_run(run: Path, cifar: Callable[..., Any]) -> None:
    end_as(run, "failed", error="diverged")
    assert first_line(cifar("eval", run / "checkpoints" / "last.pt")).startswith(f"warning: run {run.name} failed; ")


def test_a_damaged_summary_is_told_and_the_network_opened_all_the_same(run: Path, cifar: Callable[..., Any]) -> None:
    (run / "summary.json").write_text("{")
    outcome = cifar("eval", "--json")
    assert first_line(outcome).startswith(f"warning: logs/{run.name}/summary.json: expected a JSON object, found: ")
    assert json.loads(outcome.out)["status"] is None
