"""Folders whose names a shell, YAML and rich would all read in their own way: every printed command can be pasted."""

import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

NAME = "my [old] runs #1 :x: it's $HERE"


@pytest.fixture
def pasted(cifar: Callable[..., Any]) -> Callable[[str], Any]:
    """Returns a function that runs a printed `cifar …` as a shell would split it."""

    def run(command: str) -> Any:
        program, *words = shlex.split(command)
        assert program == "cifar"
        return cifar(*words)

    return run


def test_every_command_that_a_training_prints_can_be_pasted(
    cifar: Callable[..., Any], pasted: Callable[[str], Any], tmp_path: Path
) -> None:
    (tmp_path / NAME).mkdir()
    outcome = cifar("train", "--config", "small.yaml", f"log.dir={NAME}")
    assert outcome.code == 0, outcome.err
    (run,) = (tmp_path / NAME).iterdir()
    watch = outcome.err.partition("(watch it: ")[2].partition(")\n")[0]
    assert shlex.split(watch) == ["tensorboard", "--logdir", NAME]
    for _ in range(3):  # train names eval, eval names visualize-layer, which names tensorboard
        *_, last = outcome.err.splitlines()
        command = last.removeprefix("next: ")
        if command.startswith("tensorboard"):
            break
        outcome = pasted(command)
        assert outcome.code == 0, outcome.err
    assert shlex.split(command) == ["tensorboard", "--logdir", NAME]
    finished = cifar("train", "--resume", f"{NAME}/{run.name}")
    assert finished.code == 2
    *_, mend = finished.err.strip().partition("with: ")
    assert shlex.split(mend)[:4] == ["cifar", "train", "--config", f"{NAME}/{run.name}/config.yaml"]


@pytest.mark.parametrize("typed", ["~/runs", "$SCRATCH/runs", "${SCRATCH}/runs"])
def test_home_and_variables_mean_the_same_in_every_path(
    typed: str, cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, run: Path
) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setenv("SCRATCH", str(tmp_path))
    (tmp_path / "logs").rename(tmp_path / "runs")
    (tmp_path / "elsewhere").mkdir()
    plan = cifar("train", "--config", typed.replace("runs", "small.yaml"), f"log.dir={typed}", "--dry-run")
    assert f"{tmp_path}/runs/small" in plan.out
    for words in (["eval", f"{typed}/{run.name}"], ["eval", run.name, "--log-dir", typed]):
        outcome = cifar(*words)
        assert outcome.code == 0, outcome.err
    page, copy = typed.replace("runs", "page.html"), typed.replace("runs", "copy.yaml")
    assert cifar("explain", "mlp", "--html", page).code == 0
    assert cifar("config", "copy", "mlp", copy).code == 0
    assert (tmp_path / "page.html").is_file()
    assert (tmp_path / "copy.yaml").is_file()
    assert str(tmp_path) in cifar("data", "where", "--root", typed).out


def test_a_name_of_digits_needs_no_quotes(cifar: Callable[..., Any]) -> None:
    outcome = cifar("config", "show", "mlp", "name=2024", "data.root=null")
    assert 'name: "2024"' in outcome.out
    assert "root: null" in outcome.out
