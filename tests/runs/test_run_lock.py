"""One process at a time trains a run, and no lock outlives its process."""

import errno
import fcntl
import os
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from cifar_cli.errors import RunError
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.runs.run_lock import LOCK_NAME, is_locked, run_lock

HOLD = """
import sys, time
from pathlib import Path
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.runs.run_lock import run_lock
with run_lock(RunFolder(Path(sys.argv[1])), warn=print):
    print("held", flush=True)
    time.sleep(60)
"""


def refuse_warnings(text: str) -> None:
    pytest.fail(text)


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "demo")


def test_a_run_that_another_process_trains_is_locked_until_that_process_ends(run: RunFolder) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        assert is_locked(run) is True
        with pytest.raises(RunError) as caught, run_lock(run, warn=refuse_warnings):
            pass
        assert str(caught.value) == (
            f"{run.path}: expected a run that nobody trains, found one that process {holder.pid} on "
            f"{socket.gethostname()} is training; "
            "wait for it, or stop it first"
        )
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert is_locked(run) is False
        with run_lock(run, warn=refuse_warnings):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_the_lock_is_released_at_the_end_and_after_an_error(run: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError), run_lock(run, warn=refuse_warnings):
        _ = 1 / 0
    with run_lock(run, warn=refuse_warnings):
        pass


def test_temporary_files_of_a_killed_process_are_removed_and_no_others(run: RunFolder) -> None:
    half, whole = run.path / "checkpoints" / ".last.pt.123.tmp", run.path / "checkpoints" / "last.pt"
    half.touch()
    whole.touch()
    with run_lock(run, warn=refuse_warnings):
        assert (half.exists(), whole.exists()) == (False, True)


def test_a_question_for_the_lock_does_not_keep_the_run_from_being_trained(run: RunFolder) -> None:
    question = (run.path / LOCK_NAME).open("w")
    fcntl.flock(question, fcntl.LOCK_EX)
    answered = threading.Timer(0.1, question.close)  # far longer than a question takes
    answered.start()
    with run_lock(run, warn=refuse_warnings):
        answered.join()


def test_whether_a_lock_is_held_cannot_be_told_without_locks(run: RunFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    (run.path / LOCK_NAME).touch()

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOLCK, os.strerror(errno.ENOLCK))

    monkeypatch.setattr("fcntl.flock", refuse)
    assert is_locked(run) is None


def test_no_lock_is_left_behind(run: RunFolder) -> None:
    with run_lock(run, warn=refuse_warnings):
        assert (run.path / ".lock").is_file()
    assert not (run.path / ".lock").exists()


@pytest.mark.parametrize("number", [errno.ENOLCK, errno.EOPNOTSUPP, errno.EACCES, errno.EIO])
def test_where_the_file_system_has_no_locks_the_run_is_trained_with_a_warning(
    number: int, run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr("fcntl.flock", refuse)
    warnings: list[str] = []
    with run_lock(run, warn=warnings.append):
        assert warnings == [
            f"{run.path}: the file system gives no lock ({os.strerror(number)}), so nothing keeps a second process "
            f"from training the same run; start none"
        ]
    assert not (run.path / ".lock").exists()


def test_a_folder_in_which_no_lock_can_be_made_is_named_with_the_reason(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    monkeypatch.setattr("os.open", refuse)
    with pytest.raises(RunError) as caught, run_lock(run, warn=refuse_warnings):
        pass
    assert str(caught.value) == (
        f"{run.path}: could not be locked: Read-only file system; choose a folder that can be written to"
    )


def test_an_error_of_the_training_is_not_taken_for_one_of_the_lock(run: RunFolder) -> None:
    with pytest.raises(FileNotFoundError), run_lock(run, warn=refuse_warnings):
        (run.path / "nowhere").read_bytes()
