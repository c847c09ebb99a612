"""One process at a time trains a run, and no lock outlives its process."""

import fcntl
import signal
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from filelock import FileLock

from cifar_cli.errors import RunError
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.runs.run_lock import LOCK_NAME, is_locked, run_lock

HOLD = """
import sys, time
from pathlib import Path
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.runs.run_lock import LOCK_NAME, is_locked, run_lock
with run_lock(RunFolder(Path(sys.argv[1]))):
    print("held", flush=True)
    time.sleep(60)
"""


@pytest.fixture
def run(tmp_path: Path) -> RunFolder:
    return create_run(tmp_path, "demo")


def test_a_run_that_another_process_trains_is_locked_until_that_process_ends(run: RunFolder) -> None:
    holder = subprocess.Popen([sys.executable, "-c", HOLD, str(run.path)], stdout=subprocess.PIPE, text=True)
    assert holder.stdout is not None
    try:
        assert holder.stdout.readline() == "held\n"
        assert is_locked(run) is True
        with pytest.raises(RunError) as caught, run_lock(run):
            pass
        assert str(caught.value) == (
            f"{run.path}: expected a run that nobody trains, found one that another process is training; "
            "wait for it, or stop it first"
        )
        holder.send_signal(signal.SIGKILL)
        holder.wait()
        assert is_locked(run) is False
        with run_lock(run):
            pass
    finally:
        holder.kill()
        holder.wait()
        holder.stdout.close()


def test_the_lock_is_released_at_the_end_and_after_an_error(run: RunFolder) -> None:
    with pytest.raises(ZeroDivisionError), run_lock(run):
        _ = 1 / 0
    with run_lock(run):
        pass


def test_temporary_files_of_a_killed_process_are_removed_and_no_others(run: RunFolder) -> None:
    half, whole = run.path / "checkpoints" / ".last.pt.123.tmp", run.path / "checkpoints" / "last.pt"
    half.touch()
    whole.touch()
    with run_lock(run):
        assert (half.exists(), whole.exists()) == (False, True)


def test_a_question_for_the_lock_does_not_keep_the_run_from_being_trained(run: RunFolder) -> None:
    question = (run.path / LOCK_NAME).open("w")
    fcntl.flock(question, fcntl.LOCK_EX)
    answered = threading.Timer(0.1, question.close)  # far longer than a question takes
    answered.start()
    with run_lock(run):
        answered.join()


def test_whether_a_lock_is_held_cannot_be_told_in_a_folder_that_may_not_be_written_to(
    run: RunFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    (run.path / LOCK_NAME).touch()

    def refuse(self: FileLock, *_: object, **__: object) -> None:
        raise PermissionError(13, "Permission denied")  # chmod would not keep root from writing

    monkeypatch.setattr(FileLock, "acquire", refuse)
    assert is_locked(run) is None
