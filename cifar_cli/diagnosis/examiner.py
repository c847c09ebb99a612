"""Makes checks in another process, so that one that crashes or hangs is a finding and does not end the examination."""

import multiprocessing
import os
import pickle
import signal
from multiprocessing.connection import Connection
from multiprocessing.context import SpawnProcess
from types import TracebackType

from cifar_cli.diagnosis.finding import Check, Finding, Situation
from cifar_cli.diagnosis.privacy import without_private_parts
from cifar_cli.kernels.memory_allocator import keep_freed_memory
from cifar_cli.spawn import start_process


class Examiner:
    """Makes checks one after the other, in one process as long as that lives. Holds the process in a `with` block."""

    def __init__(self, situation: Situation) -> None:
        self._situation = situation
        self._failed: set[str] = set()
        self._process: SpawnProcess | None = None

    def __enter__(self) -> "Examiner":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop()

    def examine(self, check: Check) -> Finding:
        """Returns the finding, without names and secrets. Whatever happens to the check is a finding."""
        if check.needs in self._failed:
            self._failed.add(check.name)
            return Finding("note", f"not examined: needs {check.needs}")
        finding = self._ask(check)
        if finding.status == "problem":
            self._failed.add(check.name)
        return without_private_parts(finding)

    def _ask(self, check: Check) -> Finding:
        if self._process is None:
            self._start()
        try:
            self._connection.send_bytes(pickle.dumps((check, self._situation)))
            if self._connection.poll(check.limit_seconds):
                finding: Finding = pickle.loads(self._connection.recv_bytes())
                return finding
            self._stop()
            return Finding(check.on_failure, f"no answer within {check.limit_seconds:g} s")
        except (EOFError, OSError):
            return Finding(check.on_failure, f"the examining process ended: {self._cause_of_death()}")

    def _start(self) -> None:
        self._connection, theirs = multiprocessing.Pipe()
        self._process = start_process(_serve, theirs)
        theirs.close()

    def _cause_of_death(self) -> str:
        """Returns the signal or the exit code that the process ended with; the next check gets a new process."""
        assert self._process is not None
        self._process.join(timeout=5)
        code = self._process.exitcode
        self._stop()
        if code is not None and code < 0:
            return signal.Signals(-code).name
        return f"exit code {code}"

    def _stop(self) -> None:
        if self._process is not None:
            self._connection.close()
            self._process.kill()
            self._process.join()
            self._process = None


def _serve(connection: Connection) -> None:
    """Answers each check that comes through the connection with a finding."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process handles Ctrl-C
    os.dup2(2, 1)  # what a library prints must not get into the report
    keep_freed_memory()  # as in a training
    while True:
        try:
            request = connection.recv_bytes()
        except EOFError:
            return
        connection.send_bytes(pickle.dumps(_make(request)))


def _make(request: bytes) -> Finding:
    check: Check | None = None
    try:
        check, situation = pickle.loads(request)
        return check.run(situation)
    except Exception as error:
        # Not hidden: the error is the finding.
        status = check.on_failure if check else "warning"
        return Finding(status, f"could not be examined: {describe_error(error)}")


def describe_error(error: BaseException) -> str:
    """Returns the type and the first line of an error."""
    lines = str(error).strip().splitlines()
    return f"{type(error).__name__}: {lines[0]}" if lines else type(error).__name__
