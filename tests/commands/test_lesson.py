"""`cifar lesson`: the list, each lesson from the command line, its source, and unknown names."""

import errno
import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from cifar_cli.lessons.table import LESSONS

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def run_once(
    cifar_in: Callable[..., Any], tmp_path_factory: pytest.TempPathFactory
) -> Callable[[str], tuple[Path, Any]]:
    """Returns a function that runs a lesson, once, and returns its folder and its output."""
    folder = tmp_path_factory.mktemp("lessons")
    outcomes: dict[str, Any] = {}

    def run(name: str) -> tuple[Path, Any]:
        if name not in outcomes:
            outcomes[name] = cifar_in(folder, "lesson", name)
        return folder / "lessons" / name, outcomes[name]

    return run


def test_without_a_name_lessons_are_listed_in_learning_order(cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("lesson")
    assert [line.split()[0] for line in outcome.out.splitlines()] == list(LESSONS)
    assert next(iter(LESSONS)) == "linear"
    assert all(len(line) <= 80 for line in outcome.out.splitlines())
    assert outcome.err == "next: cifar lesson linear\n"
    assert not (tmp_path / "logs").exists()


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_fits_80_columns_and_ends_with_at_most_three_sentences_to_remember(
    name: str, run_once: Callable[[str], tuple[Path, Any]]
) -> None:
    _, outcome = run_once(name)
    assert outcome.code == 0, outcome.err
    lines = outcome.out.splitlines()
    assert lines[0] == f"{name}: {LESSONS[name].title}"
    assert [line for line in lines if len(line) > 80] == []
    sentences = outcome.out.partition("\nWhat to remember\n")[2]
    assert 1 <= len(re.findall("^· ", sentences, re.MULTILINE)) <= 3


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_prints_real_minus_signs_no_python_dicts_and_percent_with_a_space(
    name: str, run_once: Callable[[str], tuple[Path, Any]]
) -> None:
    _, outcome = run_once(name)
    assert re.findall(r"(?<![\w])-\d.*", outcome.out) == []
    assert re.findall(r"\{'.*", outcome.out) == []
    assert re.findall(r"\d%.*", outcome.out) == []


@pytest.mark.parametrize("name", LESSONS)
def test_a_lesson_writes_its_pictures_as_png_and_into_tensorboard_and_names_them(
    name: str, run_once: Callable[[str], tuple[Path, Any]]
) -> None:
    folder, outcome = run_once(name)
    pictures = sorted(path.stem for path in folder.glob("*.png"))
    assert pictures
    events = EventAccumulator(str(folder), size_guidance={"images": 0}).Reload()
    assert sorted(events.Tags()["images"]) == pictures
    for picture in pictures:
        assert f"wrote lessons/{name}/{picture}.png\n" in outcome.err
    following = {**dict(zip(LESSONS, [*LESSONS][1:], strict=False))}.get(name)
    assert outcome.err.splitlines()[-1] == (
        f"next: cifar lesson {following}" if following else "next: cifar train --config mlp"
    )


def test_a_second_run_of_a_lesson_replaces_the_files_of_the_first(cifar: Callable[..., Any], tmp_path: Path) -> None:
    cifar("lesson", "linear")
    first = (tmp_path / "lessons/linear/linear.png").read_bytes()
    cifar("lesson", "linear")
    assert (tmp_path / "lessons/linear/linear.png").read_bytes() == first
    assert len(list((tmp_path / "lessons/linear").glob("events.out.tfevents.*"))) == 1


def test_a_lesson_computes_on_one_thread(cifar: Callable[..., Any]) -> None:
    torch.set_num_threads(2)
    cifar("lesson", "linear")
    assert torch.get_num_threads() == 1


def test_all_runs_every_lesson_and_ends_with_a_table_of_times(
    cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    two = {name: LESSONS[name] for name in ("linear", "convolution")}  # enough here
    monkeypatch.setattr("cifar_cli.commands.lesson.LESSONS", two)
    outcome = cifar("lesson", "all")
    assert outcome.code == 0, outcome.err
    assert outcome.out.count("What to remember") == 2
    table = outcome.out.partition("All lessons")[2]
    assert re.search(r"linear +│ +\d+\.\d │", table)
    assert re.search(r"convolution +│ +\d+\.\d │", table)
    assert re.search(r"all +│ +\d+\.\d │", table)
    assert outcome.err.endswith("next: tensorboard --logdir lessons\n")


@pytest.mark.parametrize("name", LESSONS)
def test_in_a_pipe_show_prints_the_source_byte_for_byte(name: str, cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("lesson", name, "--show")
    path = ROOT / f"{LESSONS[name].module.replace('.', '/')}.py"
    assert outcome.out == path.read_text(encoding="utf-8")
    assert not (tmp_path / "logs").exists()


def test_show_all_prints_all_lessons(cifar: Callable[..., Any]) -> None:
    outcome = cifar("lesson", "all", "--show")
    assert outcome.out.startswith('"""Lesson `linear`')
    assert outcome.out.count('"""Lesson `') == len(LESSONS)


def test_show_highlights_on_a_terminal(cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("rich.console.Console.is_terminal", True)
    monkeypatch.setattr("rich.console.Console._detect_color_system", lambda self: 1)  # the eight colours
    outcome = cifar("lesson", "linear", "--show")
    assert "\x1b[" in outcome.out
    assert "def run(board: Blackboard) -> None:" in re.sub(r"\x1b\[[\d;]*m", "", outcome.out)


def test_an_unknown_name_is_an_error_with_the_nearest_name(cifar: Callable[..., Any]) -> None:
    outcome = cifar("lesson", "convolutoin")
    assert outcome.code == 2
    known = ", ".join([*LESSONS, "all"])
    expected = f"error: cifar lesson: expected one of {known}, found 'convolutoin'; did you mean 'convolution'?\n"
    assert outcome.err == expected


def test_show_without_a_name_is_an_error(cifar: Callable[..., Any]) -> None:
    outcome = cifar("lesson", "--show")
    assert outcome.code == 2
    message = "cifar lesson --show: expected a lesson's name; write for example cifar lesson linear --show"
    assert outcome.err == f"error: {message}\n"


def test_a_folder_that_cannot_be_written_costs_the_pictures_and_not_the_lesson(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    whole = cifar("lesson", "linear")
    shutil.rmtree(tmp_path / "lessons")
    (tmp_path / "lessons").write_text("a file where the folder should be")
    outcome = cifar("lesson", "linear")
    assert (outcome.code, outcome.out) == (0, whole.out)
    reason = "Not a directory; a file stands in the place of a folder of this path; move it away"
    warning = f"warning: lessons/linear: could not be written: {reason}; the lesson goes on without pictures and curves"
    assert outcome.err.splitlines() == [warning, "next: cifar lesson convolution"]
    outcome = cifar("lesson", "all")
    assert outcome.code == 0
    assert "wrote" not in outcome.err


def test_a_picture_that_cannot_be_written_costs_the_pictures_and_not_the_lesson(
    cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    whole = cifar("lesson", "linear")
    monkeypatch.setattr("cifar_cli.runs.atomic_files.os.replace", refuse)
    outcome = cifar("lesson", "linear")
    assert (outcome.code, outcome.out) == (0, whole.out)
    assert "linear.png: could not be written: Read-only file system" in outcome.err
    assert outcome.err.count("warning: ") == 1
