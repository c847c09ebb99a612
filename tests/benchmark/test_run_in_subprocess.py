"""A loop in a process of its own: where the loop runs, and the errors of its failures."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli.benchmark.run_in_subprocess import run_in_subprocess
from cifar_cli.errors import CifarError

MODULE = """
import os, torch
from cifar_cli.benchmark.rounds import TimedLoop

def build(*, path):
    def note(text):
        with open(path, "a") as file:
            file.write(f"{text}\\n")

    def run(steps):
        if steps == 13:
            raise ValueError("not thirteen")
        if steps == 99:
            os._exit(1)
        note(f"{steps} {os.getpid()} {torch.get_num_threads()}")

    return TimedLoop(reset=lambda: note("reset"), run=run)
"""


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "loop_of_a_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import loop_of_a_test  # type: ignore[import-not-found]

    return loop_of_a_test.build


def test_the_loop_runs_in_another_process_with_as_many_threads(build: Any, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    with run_in_subprocess(build, path=str(path)) as loop:
        loop.reset()
        loop.run(7)
        first, second = path.read_text().splitlines()  # the call returns after the steps
        with pytest.raises(CifarError) as caught:
            loop.run(13)
    assert first == "reset"
    steps, process, threads = second.split()
    assert (steps, threads) == ("7", str(torch.get_num_threads()))
    assert int(process) != os.getpid()
    assert str(caught.value) == (
        "the loop of the reference failed: ValueError: not thirteen; try a smaller data.batch_size"
    )


def test_the_end_of_the_process_is_an_error(build: Any, tmp_path: Path) -> None:
    with run_in_subprocess(build, path=str(tmp_path / "notes")) as loop, pytest.raises(CifarError) as caught:
        loop.run(99)
    assert str(caught.value) == (
        "the loop of the reference failed: its process ended, perhaps for lack of memory; try a smaller data.batch_size"
    )
