"""`cifar train --resume`: which run is resumed, from which checkpoint, and with which changes."""

import csv
import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import pytest
import torch

from cifar_cli.distributed.process_group import ProcessGroup
from cifar_cli.runner import resume as resume_module
from cifar_cli.runs.run_folder import RunFolder, find_runs, newest_run
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.training.state import Progress


def read_summary(run: Path) -> dict[str, Any]:
    return json.loads((run / "summary.json").read_text())


def read_rows_without_times(run: Path) -> list[list[str]]:
    with (run / "metrics.csv").open(newline="") as file:
        return [row[:-2] for row in csv.reader(file)]


def read_checkpoint(run: Path, which: str) -> dict[str, Any]:
    saved = torch.load(run / "checkpoints" / f"{which}.pt", weights_only=True)
    saved["totals"].pop("seconds")
    return saved


def test_a_finished_run_is_not_resumed_but_a_longer_one_suggested(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 2
    assert outcome.err == (
        f"error: {run}: expected an unfinished run, found one that is finished; "
        f"start a longer one with: cifar train --config {run / 'config.yaml'} train.epochs=4\n"
    )


def test_a_run_killed_before_its_test_is_resumed_for_the_test_alone(run: Path, cifar: Callable[..., Any]) -> None:
    summary = read_summary(run)
    (run / "summary.json").write_text(json.dumps({**summary, "status": "running", "test": None}))
    before = {path: path.read_bytes() for path in (run / "checkpoints").iterdir()}
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 0, outcome.err
    assert (read_summary(run)["status"], read_summary(run)["test"]) == ("completed", summary["test"])
    assert {path: path.read_bytes() for path in (run / "checkpoints").iterdir()} == before


def test_an_unknown_run_gets_the_nearest_name_and_the_newest_runs(run: Path, cifar: Callable[..., Any]) -> None:
    misspelt = run.name.replace("small", "smal")
    outcome = cifar("train", "--resume", misspelt)
    assert outcome.code == 2
    assert outcome.err == (
        f"error: {misspelt}: expected a run folder, a checkpoint file, or the name of a run under logs, "
        f"found none of them; the newest runs are {run.name}; did you mean '{run.name}'?\n"
    )


def test_without_any_run_the_error_says_how_to_start_one(cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--resume", "small-1", "--log-dir", "elsewhere")
    assert outcome.code == 2
    assert "there are no runs under elsewhere yet: cifar train --config quickstart makes one" in outcome.err


def test_a_damaged_checkpoint_is_named_and_the_one_before_it_used(
    run: Path, trained: tuple[Path, Any], cifar: Callable[..., Any]
) -> None:
    last, previous = run / "checkpoints" / "last.pt", run / "checkpoints" / "previous.pt"
    whole = read_checkpoint(run, "last")["model"]
    last.write_bytes(last.read_bytes()[:1000])
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 0, outcome.err
    assert outcome.err.startswith(
        f"warning: {last}: expected a whole checkpoint, found a part of one, or no checkpoint at all; "
        f"use the run's other checkpoint, last.pt or best.pt\nresuming from the checkpoint before it, {previous}\n"
    )
    assert f"resuming {run} after epoch 1, step 10" in outcome.err
    torch.testing.assert_close(read_checkpoint(run, "last")["model"], whole, rtol=0, atol=0)


def test_two_damaged_checkpoints_end_in_a_message(run: Path, cifar: Callable[..., Any]) -> None:
    for which in ("last", "previous"):
        (run / "checkpoints" / f"{which}.pt").write_bytes(b"torn")
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 1
    assert f"error: {run}/checkpoints/previous.pt: expected a whole checkpoint" in outcome.err


def test_without_a_name_the_newest_unfinished_run_is_resumed(run: Path, cifar: Callable[..., Any]) -> None:
    nothing = cifar("train", "--resume")
    assert nothing.code == 1
    assert "logs: expected an unfinished run, found none" in nothing.err
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "running"}))
    assert f"resuming logs/{run.name} after epoch 2" in cifar("train", "--resume").err


def test_resuming_touching_or_copying_an_older_run_does_not_make_it_the_newest(
    run: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    logs = tmp_path / "logs"
    assert cifar("train", "--config", "small.yaml", "name=newer", "train.epochs=1").code == 0
    (newer,) = logs.glob("newer-*")
    started = json.loads((run / "env.json").read_text())["started"]
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "running"}))
    assert cifar("train", "--resume", run.name).code == 0
    (run / "config.yaml").touch()
    shutil.copytree(run, logs / "z-copy", copy_function=shutil.copyfile)
    assert [each.name for each in find_runs(logs)] == [run.name, "z-copy", newer.name]
    assert newest_run(logs) == RunFolder(newer)
    assert json.loads((run / "env.json").read_text())["started"] == started


# The third epoch of the others begins with a stair, a wave or a smaller rate, which lie where the shorter run ends.
@pytest.mark.parametrize(
    "schedule",
    [
        "{name: constant}",
        "{name: step, every_epochs: 2, gamma: 0.1}",
        "{name: cosine_restarts, first_epochs: 2}",
        "{name: plateau, patience: 0, final_lr_ratio: 0.2}",
    ],
)
def test_a_finished_run_made_longer_equals_a_run_started_with_that_length(
    cifar: Callable[..., Any], tmp_path: Path, schedule: str
) -> None:
    words = ["train", "--config", "small.yaml", "log.images_every=0", f"schedule={schedule}"]
    assert cifar(*words, "name=longer", "train.epochs=3").code == 0
    assert cifar(*words, "name=shorter").code == 0
    (longer,), (shorter,) = (list((tmp_path / "logs").glob(f"{name}-*")) for name in ("longer", "shorter"))
    refused = cifar("train", "--resume", shorter)
    assert refused.err.endswith(f"make it longer with: cifar train --resume {shorter} train.epochs=4\n")
    outcome = cifar("train", "--resume", shorter, "train.epochs=3")
    assert outcome.code == 0, outcome.err
    assert read_rows_without_times(shorter) == read_rows_without_times(longer)
    assert read_summary(shorter)["test"] == read_summary(longer)["test"]
    assert "epochs: 3" in (shorter / "config.yaml").read_text()


def test_a_run_made_longer_and_killed_at_once_stays_longer(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert cifar("train", "--config", "small.yaml", "schedule={name: constant}", "train.epochs=1").code == 0
    (run,) = (tmp_path / "logs").iterdir()

    def kill(*_: object, **__: object) -> None:
        raise RuntimeError("killed")

    with monkeypatch.context() as patched:
        patched.setattr(resume_module, "run_training", kill)
        assert cifar("train", "--resume", run, "train.epochs=2").code == 1
    assert cifar("train", "--resume", run).code == 0
    assert read_summary(run)["epochs"] == 2


def test_a_run_is_resumed_on_another_device(run: Path, cifar: Callable[..., Any]) -> None:
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "running"}))
    outcome = cifar("train", "--resume", run, "train.device=auto")
    assert outcome.code == 0, outcome.err
    assert "device: auto" in (run / "config.yaml").read_text()
    assert read_summary(run)["status"] == "completed"


def test_every_process_goes_on_with_the_best_epoch_of_the_main_one() -> None:
    class OfTwo(ProcessGroup):
        """Broadcasts as torch does, between two calls: the main process's text is the first."""

        texts: ClassVar[list[str]] = []

        def broadcast(self, text: str) -> str:
            self.texts.append(text)
            return self.texts[0]

    main = Progress(epoch=4, step=40)  # its best.pt was lost
    other = Progress(epoch=4, step=40, best_epoch=2, best_val_accuracy=0.7)
    for rank, progress in enumerate((main, other)):
        resume_module.share_best_epoch(progress, OfTwo(rank, 2))
    assert other == main == Progress(epoch=4, step=40)


def test_without_a_name_a_run_that_diverged_is_skipped(run: Path, cifar: Callable[..., Any]) -> None:
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "failed", "error": "diverged"}))
    outcome = cifar("train", "--resume")
    assert outcome.code == 1
    assert "logs: expected an unfinished run, found none" in outcome.err


def test_without_a_name_a_run_that_is_being_trained_and_one_with_a_damaged_summary_keep_no_other_from_resuming(
    run: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    (run / "summary.json").write_text(json.dumps({**read_summary(run), "status": "interrupted"}))
    others = [Path(shutil.copytree(run, run.with_name(name))) for name in ("damaged", "busy")]
    for place, other in enumerate(others):
        environment = json.loads((other / "env.json").read_text())
        (other / "env.json").write_text(json.dumps({**environment, "started": f"2999-01-01T00:00:0{place}+00:00"}))
    (others[0] / "summary.json").write_text('{"status": "runn')
    with run_lock(RunFolder(others[1]), warn=pytest.fail):
        outcome = cifar("train", "--resume")
    assert outcome.code == 0, outcome.err
    first, second, third, *_ = outcome.err.splitlines()
    assert first == "logs/busy: another process is training it; looking for an older run"
    assert second.startswith("warning: logs/damaged/summary.json: expected a JSON object, found: ")
    assert third == "looking for an older run"
    assert f"resuming logs/{run.name} after epoch 2" in outcome.err


@pytest.mark.parametrize("command", [["eval"], ["train", "--resume"], ["visualize-layer", "conv1"]], ids=" ".join)
def test_a_folder_of_runs_elsewhere_is_told_as_such_and_how_to_take_its_newest(
    command: list[str], run: Path, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    elsewhere = run.parent.rename(tmp_path / "elsewhere")
    outcome = cifar(*command, elsewhere)
    assert (outcome.code, outcome.err) == (
        2,
        f"error: {elsewhere}: expected a run, found a folder of runs; name one of them, such as "
        f"{elsewhere}/{run.name}, or take its newest with --log-dir {elsewhere}\n",
    )


def test_a_run_with_lookahead_is_not_made_longer(cifar: Callable[..., Any], tmp_path: Path) -> None:
    words = ["schedule={name: constant}", "average={name: lookahead}", "train.epochs=1"]
    assert cifar("train", "--config", "small.yaml", *words).code == 0
    (run,) = (tmp_path / "logs").iterdir()
    outcome = cifar("train", "--resume", run, "train.epochs=2")
    assert outcome.code == 2
    assert outcome.err.splitlines()[-1].endswith(
        "train.epochs: the average lookahead is laid out over the run's 1 epoch, so it cannot be extended to 2; "
        f"start a longer run with: cifar train --config {run}/config.yaml train.epochs=2"
    )


@pytest.mark.parametrize(
    ("override", "message"),
    [
        (
            "train.epochs=4",
            "the schedule cosine is laid out over the run's 2 epochs, so it cannot be extended to 4; start a",
        ),
        ("train.epochs=1", "train.epochs: expected at least the run's 2 epochs, found 1; leave it out"),
        (
            "seed=1",
            "a run keeps its configuration, so expected no key=value but of train.epochs, train.patience, "
            "data.root, train.device, train.precision, "
            "found seed=1; start another run with: ",
        ),
    ],
)
def test_overrides_that_would_make_it_another_run_are_refused(
    run: Path, cifar: Callable[..., Any], override: str, message: str
) -> None:
    outcome = cifar("train", "--resume", run, override)
    assert outcome.code == 2
    assert message in outcome.err


def test_a_run_stopped_before_its_first_checkpoint_is_not_resumed(run: Path, cifar: Callable[..., Any]) -> None:
    path = run / "checkpoints" / "last.pt"
    path.unlink()
    (run / "checkpoints" / "previous.pt").unlink()
    outcome = cifar("train", "--resume", run)
    assert outcome.code == 1
    assert f"error: {path}: expected a checkpoint, found no such file" in outcome.err
