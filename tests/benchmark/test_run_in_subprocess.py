"""A contender in a process of its own: it is another process, and its failures are told."""

import os
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli.benchmark.run_in_subprocess import run_in_subprocess
from cifar_cli.errors import CifarError

ELSEWHERE = """
import os, torch
from cifar_cli.benchmark.rounds import Contender

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

    return Contender(reset=lambda: note("reset"), run=run)
"""


@pytest.fixture
def build(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "elsewhere_for_a_test.py").write_text(ELSEWHERE)
    monkeypatch.syspath_prepend(tmp_path)
    import elsewhere_for_a_test  # type: ignore[import-not-found]

    return elsewhere_for_a_test.build


def test_it_runs_elsewhere_with_as_many_threads(build: Any, tmp_path: Path) -> None:
    path = tmp_path / "notes"
    with run_in_subprocess(build, path=str(path)) as contender:
        contender.reset()
        contender.run(7)
        first, second = path.read_text().splitlines()  # it is done when the call returns
        with pytest.raises(CifarError) as caught:
            contender.run(13)
    assert first == "reset"
    steps, process, threads = second.split()
    assert (steps, threads) == ("7", str(torch.get_num_threads()))
    assert int(process) != os.getpid()
    assert str(caught.value) == ("the reference's loop failed: ValueError: not thirteen; try a smaller data.batch_size")


def test_the_end_of_its_process_is_told(build: Any, tmp_path: Path) -> None:
    with run_in_subprocess(build, path=str(tmp_path / "notes")) as contender, pytest.raises(CifarError) as caught:
        contender.run(99)
    assert str(caught.value) == (
        "the reference's loop failed: its process ended, perhaps for want of memory; try a smaller data.batch_size"
    )
