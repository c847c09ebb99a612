"""Locks between processes, also of several machines that share a file system.

The lock's file lies beside what it protects, because another machine sees no other place. The file is hidden, names its
holder, and exists only while the lock is held: what people read stays as it was. The operating system releases the lock
when its process ends, however it ends; a file that a killed process left behind locks nothing.
"""

import os
import socket
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

SECONDS_BETWEEN_TRIES = 0.1
ANOTHER_PROCESS = "another process"


class LockHeldError(Exception):
    """Another process holds the lock. holder: its number and machine in words."""

    def __init__(self, holder: str) -> None:
        super().__init__(holder)
        self.holder = holder


@contextmanager
def file_lock(
    path: Path,
    *,
    without_locks: Callable[[str], object],
    timeout_seconds: float | None = 0.0,
    waiting: Callable[[str], object] | None = None,
) -> Iterator[None]:
    """Holds the lock at `path` inside the `with` block.

    timeout_seconds: how long to wait for another holder, None without limit. waiting: called with the holder before a
    wait. without_locks: called with the reason where the file system has no locks; the block then runs without one.
    Raises LockHeldError, and OSError where the file cannot be made.
    """
    descriptor = _wait_for(path, timeout_seconds, waiting, without_locks)
    try:
        yield
    finally:
        if descriptor is not None:
            with suppress(OSError):
                path.unlink()  # before the lock is released: nobody else holds this file yet
            os.close(descriptor)


def is_held(path: Path) -> bool | None:
    """Returns whether a process holds the lock at `path`; None if that cannot be told. Needs no right to write."""
    try:
        descriptor = os.open(path, os.O_RDONLY)
    except FileNotFoundError:
        return False
    except OSError:
        return None
    try:
        _lock(descriptor)
    except BlockingIOError:
        return True
    except OSError:
        return None
    finally:
        os.close(descriptor)
    return False


def _wait_for(
    path: Path,
    timeout_seconds: float | None,
    waiting: Callable[[str], object] | None,
    without_locks: Callable[[str], object],
) -> int | None:
    """Returns the descriptor of the locked file, None where there are no locks."""
    ends_at = None if timeout_seconds is None else time.monotonic() + timeout_seconds
    while True:
        try:
            return _acquire(path)
        except LockHeldError as held:
            if ends_at is not None and time.monotonic() >= ends_at:
                raise
            if waiting is not None:
                waiting(held.holder)
                waiting = None
        except _NoLocksError as error:
            without_locks(str(error))
            return None
        time.sleep(SECONDS_BETWEEN_TRIES)


class _NoLocksError(Exception):
    """The file system cannot lock a file, for example on a network share. The text is the system's reason."""


def _acquire(path: Path) -> int:
    """Returns the descriptor of the file, locked. Raises LockHeldError, _NoLocksError or OSError."""
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        try:
            _lock(descriptor)
            if _is_at(path, descriptor):
                with suppress(OSError):  # the name is a help; the lock holds on a full disk too
                    os.ftruncate(descriptor, 0)
                    os.write(descriptor, f"process {os.getpid()} on {socket.gethostname()}\n".encode())
                return descriptor
        except BlockingIOError:
            holder = os.read(descriptor, 1000).decode(errors="replace").strip()
            os.close(descriptor)
            raise LockHeldError(holder or ANOTHER_PROCESS) from None
        except OSError as error:
            if os.fstat(descriptor).st_size == 0:
                with suppress(OSError):
                    path.unlink()
            os.close(descriptor)
            raise _NoLocksError(error.strerror) from None
        os.close(descriptor)  # its holder has removed the file in the meantime


def _is_at(path: Path, descriptor: int) -> bool:
    """Returns whether the open file is still the one at the path."""
    try:
        return os.path.samestat(path.stat(), os.fstat(descriptor))
    except FileNotFoundError:
        return False


if sys.platform == "win32":
    import msvcrt

    def _lock(descriptor: int) -> None:
        os.lseek(descriptor, 2**20, os.SEEK_SET)  # Windows lets nobody read what is locked: beyond the holder's name
        try:
            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        except PermissionError as error:  # the answer of Windows where another process has the lock
            raise BlockingIOError(error.errno, error.strerror) from None
        finally:
            os.lseek(descriptor, 0, os.SEEK_SET)

else:
    import fcntl

    def _lock(descriptor: int) -> None:
        """Raises BlockingIOError if another process has the lock, any other OSError if there are no locks here."""
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
