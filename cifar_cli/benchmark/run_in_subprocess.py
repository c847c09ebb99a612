"""Has a contender run in a process of its own, which takes a turn when it is told to and otherwise sleeps.

A reference must not profit from what this program sets for itself, such as how memory is kept, and what memory it
needs can only be told apart so. Knows nothing of what the contender does.
"""

import multiprocessing
import pickle
import signal
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing.connection import Connection
from typing import Any

import torch

from cifar_cli.benchmark.rounds import Contender
from cifar_cli.errors import CifarError

RESET = 0  # any other number asks for that many steps


@contextmanager
def run_in_subprocess(build: Callable[..., Contender], **arguments: object) -> Iterator[Contender]:
    """Within it, there is a contender in another process, built there by calling `build` with the arguments.

    `build` is a module's function. torch has as many threads there as here; nothing else that this program sets for
    itself is set there. Raises CifarError when the other process cannot go on.
    """
    ours, theirs = multiprocessing.Pipe()
    process = multiprocessing.get_context("spawn").Process(target=_serve, args=(theirs,), daemon=True)
    process.start()
    theirs.close()
    try:
        # Plain pickle: multiprocessing's own would put tensors into shared memory, of which containers have little.
        _ask(ours, pickle.dumps((build, arguments, torch.get_num_threads())))
        yield Contender(
            reset=lambda: _ask(ours, pickle.dumps(RESET)), run=lambda steps: _ask(ours, pickle.dumps(steps))
        )
    finally:
        ours.close()
        process.terminate()
        process.join()


def _ask(connection: Connection, request: bytes) -> None:
    """Sends a request and waits until it is done."""
    try:
        connection.send_bytes(request)
        problem = connection.recv_bytes().decode()
    except (EOFError, OSError):
        problem = "its process ended, perhaps for want of memory"
    if problem:
        raise CifarError(f"the reference's loop failed: {problem}; try a smaller data.batch_size")


def _serve(connection: Connection) -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is the other process's to answer
    contender: Contender | None = None
    while True:
        try:
            request = pickle.loads(connection.recv_bytes())
        except EOFError:
            return
        try:
            contender = _answer(request, contender)
        except Exception as error:
            connection.send_bytes(f"{type(error).__name__}: {error}".encode())
            return
        connection.send_bytes(b"")


def _answer(request: Any, contender: Contender | None) -> Contender:
    if contender is None:
        build, arguments, threads = request
        torch.set_num_threads(threads)
        built: Contender = build(**arguments)
        return built
    if request == RESET:
        contender.reset()
    else:
        contender.run(request)
    return contender
