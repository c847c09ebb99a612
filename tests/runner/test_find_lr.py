"""`cifar train --find-lr`: what it prints and writes, and what it leaves alone."""

import csv
import json
import re
import shlex
import signal
from collections.abc import Callable
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifar_cli.distributed.process_group import ProcessGroup
from cifar_cli.runner import find_lr as find_lr_module
from cifar_cli.runs.run_folder import newest_run
from cifar_cli.training import lr_range_test as lr_range_test_module

FIND = ("train", "--config", "small.yaml", "--find-lr")
GROUPS = "optimizer={name: sgd, lr: 0.02, momentum: 0.9, groups: [{parameters: ['fc1.bias'], lr: 0.04}]}"


def only_folder(folder: Path) -> Path:
    (found,) = (folder / "logs").iterdir()
    return found


def read_curve(folder: Path) -> list[dict[str, str]]:
    with (folder / "curve.csv").open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.fixture(scope="module")
def tested(cifar_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Any]:
    """The folder of a test of two groups, and its outcome."""
    folder = tmp_path_factory.mktemp("tested")
    (folder / "small.yaml").write_text(SMALL)
    outcome = cifar_in(folder, *FIND, GROUPS, "optimizer.lr=0.02")
    assert outcome.code == 0, outcome.err
    return folder, outcome


SMALL = """\
name: small
data: {name: synthetic, batch_size: 50, val_size: 100}
model: {layers: [flatten: Flatten, fc1: {type: Linear, out_features: 10}]}
train: {epochs: 1, device: cpu, precision: fp32}
"""


def test_it_prints_a_suggestion_and_the_command_that_trains_with_it(tested: tuple[Path, Any]) -> None:
    folder, outcome = tested
    found = json.loads((only_folder(folder) / "find_lr.json").read_text())
    suggestion = found["suggestion"]
    assert outcome.out.splitlines() == [
        f"suggestion: optimizer.lr={suggestion:g}, where the loss falls fastest (the configuration has 0.02)",
        f"the loss was lowest at {found['lowest_loss_at']:g}; from there on it rises",
    ]
    # Both groups keep their ratio of two.
    assert found["overrides"]["optimizer.groups.0.lr"] == pytest.approx(2 * suggestion, rel=0.05)
    overrides = [f"{key}={lr:g}" for key, lr in found["overrides"].items()]
    printed = shlex.split(outcome.err.splitlines()[-1])
    assert printed == ["next:", "cifar", "train", "--config", "small.yaml", GROUPS, *overrides]
    assert 1e-5 < suggestion < found["lowest_loss_at"]


def test_it_writes_curve_picture_and_tensorboards_events_but_no_run(tested: tuple[Path, Any]) -> None:
    folder, outcome = tested
    written = only_folder(folder)
    assert re.fullmatch(r"small-synthetic-find-lr-\d{8}-\d{6}", written.name)
    names = {path.name.partition(".out.")[0] for path in written.iterdir()}
    assert names == {"curve.csv", "find_lr.json", "find_lr.png", "events"}
    assert f"wrote logs/{written.name}/find_lr.png" in outcome.err.splitlines()
    with Image.open(written / "find_lr.png") as picture:
        assert picture.width > picture.height > 300
    rows = read_curve(written)
    read = EventAccumulator(str(written)).Reload()
    assert read.Tags()["images"] == ["find_lr"]
    for tag, column in (("find_lr/lr", "lr"), ("find_lr/loss", "loss"), ("find_lr/smoothed_loss", "smoothed_loss")):
        values = [event.value for event in read.Scalars(tag)]
        assert values == pytest.approx([float(row[column]) for row in rows if row[column]], rel=1e-6)


def test_its_folder_is_never_taken_for_a_run(tested: tuple[Path, Any], cifar_in: Callable[..., Any]) -> None:
    folder, _ = tested
    assert newest_run(folder / "logs") is None
    for words in (["eval"], ["train", "--resume"]):
        outcome = cifar_in(folder, *words)
        assert (outcome.code, outcome.out) == (1, ""), words
        assert "find-lr" not in outcome.err
    named = cifar_in(folder, "eval", only_folder(folder))
    assert named.code == 2
    assert "expected a run folder, a checkpoint file, or the name of a run" in named.err


def test_the_results_are_one_json_object(cifar: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    outcome = cifar(*FIND, "--json", "optimizer.lr=0.02")
    printed = json.loads(outcome.out)
    folder = only_folder(tmp_path)
    assert printed == {**json.loads((folder / "find_lr.json").read_text()), "folder": f"logs/{folder.name}"}
    assert printed["overrides"] == {"optimizer.lr": printed["suggestion"]}
    assert (
        outcome.err.splitlines()[-1] == f"next: cifar train --config small.yaml optimizer.lr={printed['suggestion']:g}"
    )


def test_ctrl_c_writes_what_there_is(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    step, steps = lr_range_test_module.train_step, []

    def interrupted(*arguments: Any) -> Any:
        steps.append(1)
        if len(steps) == 5:
            signal.raise_signal(signal.SIGINT)
        return step(*arguments)

    monkeypatch.setattr(lr_range_test_module, "train_step", interrupted)
    outcome = cifar(*FIND)
    folder = only_folder(tmp_path)
    assert outcome.code == 130
    expected = f"error: stopped after step 5 of 100; what was found so far is in logs/{folder.name}/"
    assert outcome.err.splitlines()[-1] == expected
    assert len(read_curve(folder)) == 5
    assert (folder / "find_lr.png").is_file()


@pytest.mark.parametrize("strangers_files", [[], ["notes.txt"]], ids=["empty", "with a file"])
def test_a_second_ctrl_c_ends_at_once_and_leaves_nothing_but_the_files_of_others(
    strangers_files: list[str], cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)

    def interrupted_twice(*arguments: Any) -> Any:
        for name in strangers_files:
            (only_folder(tmp_path) / name).touch()
        signal.raise_signal(signal.SIGINT)
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(lr_range_test_module, "train_step", interrupted_twice)
    previous = signal.signal(signal.SIGINT, signal.default_int_handler)  # pytest-xdist's processes ignore it
    try:
        assert cifar(*FIND).code == 130
    finally:
        signal.signal(signal.SIGINT, previous)
    assert [path.name for path in (tmp_path / "logs").glob("*/*")] == strangers_files
    assert len(list((tmp_path / "logs").iterdir())) == len(strangers_files)


def test_a_loss_that_never_falls_is_told(cifar: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    outcome = cifar(*FIND, "train.freeze=[fc1.weight]", "optimizer.lr=1e-9")
    assert (outcome.code, outcome.out) == (1, "")
    assert outcome.err.splitlines()[-1] == (
        "error: optimizer.lr: expected a learning rate at which the loss falls, found none from 1e-06 to 10 in 100 "
        "steps; see whether the network can learn at all: cifar train --dry-run, train.freeze, the last layer, the "
        "initial weights"
    )
    assert outcome.err.splitlines()[-2] == f"wrote logs/{only_folder(tmp_path).name}/find_lr.png"


def test_a_loss_that_is_infinite_at_the_first_step_is_told(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    step = lr_range_test_module.train_step

    def infinite(*arguments: Any) -> Any:
        loss, logits = step(*arguments)
        return loss / 0, logits

    monkeypatch.setattr(lr_range_test_module, "train_step", infinite)
    outcome = cifar(*FIND)
    assert outcome.code == 1
    assert outcome.err.splitlines()[-1] == (
        "error: optimizer.lr: expected a loss that falls before it diverges, found that it diverged at 1e-06, step 1, "
        "without having fallen over a factor of ten; see whether the images are normalized (data.normalize) and "
        "whether the initial weights are of a sane size"
    )
    (row,) = read_curve(only_folder(tmp_path))
    assert row["loss"] == "inf"


def test_a_folder_that_cannot_be_written_is_told_before_the_first_step(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "small.yaml").write_text(SMALL)
    (tmp_path / "taken").touch()
    monkeypatch.delattr(lr_range_test_module, "train_step")
    outcome = cifar(*FIND, "log.dir=taken")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (
        1,
        "error: taken: expected a folder to write runs to, found: File exists; name another with log.dir=FOLDER",
    )


def test_several_processes_are_refused(cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    @contextmanager
    def two() -> Any:
        yield ProcessGroup(rank=0, size=2)

    monkeypatch.setattr(find_lr_module, "join_process_group", two)
    outcome = cifar(*FIND)
    assert (outcome.code, outcome.err) == (
        2,
        "error: cifar train --find-lr: expected one process, found 2; leave torchrun out: the learning rate of one "
        "process is that of several\n",
    )


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            (*FIND, "--dry-run"),
            "cifar train --find-lr: expected no --dry-run, since it takes a few steps and trains nothing; "
            "leave --dry-run out",
        ),
        (
            (*FIND, "--seeds", "2"),
            "cifar train --find-lr: expected no --seeds, since it takes a few steps and trains nothing; "
            "leave --seeds out",
        ),
        (
            ("train", "--resume", "--find-lr"),
            "cifar train --resume: expected no --find-lr, since a run goes on with its own learning rates; leave "
            "--find-lr out, or test the run's configuration: --config RUN/config.yaml --find-lr",
        ),
        (
            (*FIND[:-1], "--json"),
            "cifar train --json: expected --find-lr, whose results it prints; add it, or leave --json out",
        ),
    ],
)
def test_options_that_contradict_it_are_refused(
    words: tuple[str, ...], message: str, cifar: Callable[..., Any], tmp_path: Path
) -> None:
    outcome = cifar(*words)
    assert (outcome.code, outcome.err) == (2, f"error: {message}\n")
    assert not (tmp_path / "logs").exists()
