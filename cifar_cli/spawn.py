"""Starts another process of this program, which imports nothing from the folder that the command is called in."""

import multiprocessing
import os
from collections.abc import Callable
from multiprocessing.context import SpawnProcess

SAFE_PATH = "PYTHONSAFEPATH"


def start_process(target: Callable[..., object], *args: object) -> SpawnProcess:
    """Returns a started process that calls `target`, a function of a module, and ends with this process.

    Python looks for the modules of a spawned process in the current folder first: a `random.py` of the user, or a
    `multiprocessing.py` in a stranger's run folder, would run there.
    """
    process = multiprocessing.get_context("spawn").Process(target=target, args=args, daemon=True)
    before = os.environ.get(SAFE_PATH)
    os.environ[SAFE_PATH] = "1"
    try:
        process.start()
    finally:
        if before is None:
            del os.environ[SAFE_PATH]
        else:
            os.environ[SAFE_PATH] = before
    return process
