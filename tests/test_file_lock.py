"""A lock that names its holder, waits, and leaves nothing behind."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cifar_cli.file_lock import LockHeldError, file_lock

COUNT_UP = """
import sys
from pathlib import Path
from cifar_cli.file_lock import file_lock
lock, counter = map(Path, sys.argv[1:])
for _ in range(100):
    with file_lock(lock, timeout_seconds=None, without_locks=sys.exit):
        counter.write_text(str(int(counter.read_text()) + 1))
"""


def refuse(reason: str) -> None:
    pytest.fail(reason)


def test_the_holder_is_named_and_a_wait_is_announced_once(tmp_path: Path) -> None:
    path, announced = tmp_path / "lock", list[str]()
    holder = f"process {os.getpid()} on {socket.gethostname()}"
    with (
        file_lock(path, without_locks=refuse),
        pytest.raises(LockHeldError, match=holder),
        file_lock(path, timeout_seconds=0.3, waiting=announced.append, without_locks=refuse),
    ):
        pass
    assert announced == [holder]


def test_a_file_that_a_killed_process_left_behind_locks_nothing(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    path.write_text("process 1 on elsewhere, which was killed long ago")
    with file_lock(path, without_locks=refuse):
        assert path.read_text() == f"process {os.getpid()} on {socket.gethostname()}\n"
    assert not path.exists()


def test_processes_that_make_and_remove_the_file_never_hold_it_together(tmp_path: Path) -> None:
    lock, counter = tmp_path / "lock", tmp_path / "counter"
    counter.write_text("0")
    processes = [subprocess.Popen([sys.executable, "-c", COUNT_UP, lock, counter]) for _ in range(3)]
    assert [process.wait() for process in processes] == [0, 0, 0]
    assert counter.read_text() == "300"
    assert not lock.exists()
