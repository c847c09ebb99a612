"""Tells glibc to keep freed memory in this process.

A training step asks for the same large blocks again and again. By default glibc returns each block to the kernel, which
clears every page anew. That takes up to a quarter of a step: docs/experiments/hardware.md.
"""

import ctypes
import gc
import os
from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class _Setting:
    """A parameter of glibc's `mallopt`, and the two environment names by which a user may have set it."""

    parameter: int  # of malloc.h
    value: int  # bytes
    variable: str
    tunable: str


# Source: mallopt(3). A C int holds the values.
_SETTINGS = (
    # Larger blocks would come from the kernel each time: let the heap serve all that a network needs.
    _Setting(-3, 1024 * MIB, "MALLOC_MMAP_THRESHOLD_", "glibc.malloc.mmap_threshold"),
    # The heap's free end goes back to the kernel only beyond this size.
    _Setting(-1, 2048 * MIB - 1, "MALLOC_TRIM_THRESHOLD_", "glibc.malloc.trim_threshold"),
    # The heap grows in steps of this size; memory that is never written takes no room.
    _Setting(-2, 64 * MIB, "MALLOC_TOP_PAD_", "glibc.malloc.top_pad"),
)


def keep_freed_memory() -> None:
    """Tells glibc to keep large blocks: to be called before any is allocated. Without glibc, does nothing.

    A setting in the user's environment takes precedence.
    """
    if not is_glibc():
        return
    # Huge pages (torch's THP_MEM_ALLOC_ENABLE) gained no time: docs/experiments/hardware.md.
    mallopt = ctypes.CDLL(None).mallopt
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    for setting in _SETTINGS:
        if setting.variable not in os.environ and setting.tunable not in tunables:
            mallopt(setting.parameter, setting.value)


def release_freed_memory() -> None:
    """Returns freed memory to the system, so that the next run does not fragment it.

    Python's collector runs first. Source: malloc_trim(3).
    """
    gc.collect()
    if is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def is_glibc() -> bool:
    """Returns whether this Python uses glibc."""
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):  # Windows; macOS and musl
        return False
