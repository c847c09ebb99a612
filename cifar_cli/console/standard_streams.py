"""Replaces stdout and stderr by streams whose failure does not end the work.

Progress, notes and warnings (stderr) are lost without a word where they cannot be written. Results (stdout) are too if
nobody reads them any more, as with `cifar … | head`; else the command fails, because its results are lost.
"""

import errno
import io
import os
import select
import sys
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, redirect_stderr, redirect_stdout, suppress
from typing import TYPE_CHECKING, TextIO

from cifar_cli.errors import CifarError

if TYPE_CHECKING:
    from _typeshed import ReadableBuffer


@contextmanager
def robust_standard_streams() -> Iterator[None]:
    """Replaces sys.stdout and sys.stderr. Streams that are no files, such as those of tests, stay as they are.

    Characters that a stream's encoding lacks become question marks. Streams that were closed when the process started
    are replaced as well: otherwise the next file that is opened would get their descriptor, and messages with it.
    """
    if sys.stdin is None:
        _open_closed_descriptor()
    with ExitStack() as stack:
        stack.enter_context(redirect_stdout(_robust(sys.stdout, holds_results=True)))
        stack.enter_context(redirect_stderr(_robust(sys.stderr, holds_results=False)))
        stack.callback(_flush_quietly, sys.stdout)
        yield


@contextmanager
def flushed_results() -> Iterator[None]:
    """Flushes stdout after a command without an error. Raises CifarError if the results cannot be written."""
    try:
        yield
    except SystemExit:  # how typer ends a command
        sys.stdout.flush()
        raise
    sys.stdout.flush()


class _OutputFile(io.FileIO):
    """The file beneath a stream. After the first failed write, the rest is discarded.

    holds_results: whether a failed write is an error, CifarError, unless the reader has gone.
    """

    def __init__(self, descriptor: int, *, holds_results: bool) -> None:
        super().__init__(descriptor, "wb", closefd=False)
        self._is_terminal = self.isatty()  # a terminal that has gone says that it is none
        self._holds_results = holds_results
        self._has_failed = False

    def write(self, content: "ReadableBuffer", /) -> int:
        num_bytes = memoryview(content).nbytes
        if self._has_failed:
            return num_bytes
        try:
            return self._write_when_ready(content)
        except OSError as error:
            self._has_failed = True
            if self._holds_results and not self._is_reader_gone(error):
                reason = "it is closed" if error.errno == errno.EBADF else error.strerror or str(error)
                raise CifarError(
                    f"stdout: the results could not be written: {reason}; send them elsewhere, for example with > FILE"
                ) from error
            return num_bytes

    def _write_when_ready(self, content: "ReadableBuffer") -> int:
        """Writes, and returns how many bytes; waits for a full pipe that another program has made non-blocking."""
        while (written := super().write(content)) is None:
            select.select([], [self], [])
        return written

    def _is_reader_gone(self, error: OSError) -> bool:
        return error.errno == errno.EPIPE or (self._is_terminal and error.errno == errno.EIO)


def _robust(stream: TextIO | None, *, holds_results: bool) -> TextIO:
    if stream is None:
        file = _OutputFile(_open_closed_descriptor(), holds_results=holds_results)
        return io.TextIOWrapper(io.BufferedWriter(file), encoding="utf-8", errors="replace", line_buffering=True)
    if not isinstance(stream, io.TextIOWrapper) or not isinstance(stream.buffer, io.BufferedWriter | io.FileIO):
        return stream
    stream.flush()
    return io.TextIOWrapper(
        io.BufferedWriter(_OutputFile(stream.fileno(), holds_results=holds_results)),
        encoding=stream.encoding,
        errors="replace",  # a log file whose encoding lacks an arrow gets a question mark
        line_buffering=stream.line_buffering or stream.write_through,
    )


def _open_closed_descriptor() -> int:
    """Returns the lowest free descriptor, normally that of a closed stream, opened so that writes fail as before."""
    return os.open(os.devnull, os.O_RDONLY)


def _flush_quietly(stream: TextIO) -> None:
    """Flushes what a command that failed had printed before; its error has been reported already."""
    with suppress(CifarError):
        stream.flush()
