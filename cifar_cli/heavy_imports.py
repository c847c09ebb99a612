"""Imports large libraries without garbage collections, which would take a fifth of the time and find nothing."""

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def heavy_imports() -> Iterator[None]:
    """Pauses the garbage collector for a block of imports.

    Afterwards the collector leaves out what exists by then: modules, classes and functions, which live to the end.
    """
    if not gc.isenabled():  # within another block, or someone else's decision
        yield
        return
    gc.disable()
    try:
        yield
    finally:
        gc.freeze()
        gc.enable()
