"""Runs a timed loop in a process of its own, which sleeps between the rounds.

A reference must not profit from settings of this program, such as those of the memory allocator, and its memory must
not count as memory of the training.
"""

import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import torch

from cifar_cli.benchmark.rounds import TimedLoop
from cifar_cli.errors import CifarError
from cifar_cli.models.own.build_own import trust, trusted_sources

RESET = 0  # any other number asks for that many steps


@contextmanager
def run_in_subprocess(build: Callable[..., TimedLoop], **arguments: object) -> Iterator[TimedLoop]:
    """Yields a loop in another process, which calls `build`, a function of a module, with the arguments.

    torch has as many threads there as here, and the files of own networks that may run here may run there; no other
    setting of this program applies there. The loop raises CifarError
    if the other process fails.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        # Plain pickle: multiprocessing puts tensors into shared memory, which is scarce in containers.
        _ask(ours, pickle.dumps((build, arguments, torch.get_num_threads(), trusted_sources())))
        yield TimedLoop(
            reset=lambda: _ask(ours, pickle.dumps(RESET)), run=lambda steps: _ask(ours, pickle.dumps(steps))
        )
    finally:
        ours.close()
        process.terminate()
        process.join()


def _ask(connection: Connection, request: bytes) -> None:
    """Sends a request, and waits for its end. Raises CifarError if the other process fails."""
    try:
        connection.send_bytes(request)
        failure = connection.recv_bytes().decode()
    except (EOFError, OSError):
        failure = "its process ended, perhaps for lack of memory"
    if failure:
        raise CifarError(f"the loop of the reference failed: {failure}; try a smaller data.batch_size")


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the other process handles Ctrl-C
    loop: TimedLoop | None = None
    while True:
        try:
            request = pickle.loads(connection.recv_bytes())
        except EOFError:
            return
        try:
            loop = _execute(request, loop)
        except Exception as error:
            connection.send_bytes(f"{type(error).__name__}: {error}".encode())
            return
        connection.send_bytes(b"")


def _execute(request: Any, loop: TimedLoop | None) -> TimedLoop:
    """Builds the loop at the first request; resets or runs the loop at later ones."""
    if loop is None:
        build, arguments, threads, sources = request
        for source in sources:
            trust(source)
        torch.set_num_threads(threads)
        built: TimedLoop = build(**arguments)
        return built
    if request == RESET:
        loop.reset()
    else:
        loop.run(request)
    return loop
