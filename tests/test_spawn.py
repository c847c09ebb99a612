"""Other processes of the program: they import nothing from the current folder."""

import os
from pathlib import Path

import pytest

from cifar_cli.spawn import SAFE_PATH, start_process


def test_a_process_runs_no_module_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(SAFE_PATH, raising=False)
    monkeypatch.chdir(tmp_path)
    for name in ("multiprocessing", "runpy", "random", "queue"):
        (tmp_path / f"{name}.py").write_text("open('ran.txt', 'w')\n")
    process = start_process(os.mkdir, str(tmp_path / "called"))
    process.join()
    assert process.exitcode == 0
    assert (tmp_path / "called").is_dir()
    assert not (tmp_path / "ran.txt").exists()
    assert SAFE_PATH not in os.environ
