"""Has this process keep the memory that it frees, until it is done with it. Knows nothing of torch.

A training step asks for the same large blocks again and again. glibc takes each of them from the kernel and hands it
back, and the kernel clears every page anew: a quarter of a step of `sequential` on two cores of a Xeon.
"""

import ctypes
import gc
import os
from dataclasses import dataclass

MIB = 2**20


@dataclass(frozen=True)
class _Setting:
    """A number for glibc's `mallopt`, and the two names under which a user may have set it from outside."""

    parameter: int  # of malloc.h
    value: int  # bytes
    variable: str
    tunable: str


# Source: mallopt(3). A C int holds the values.
_SETTINGS = (
    # Larger blocks would come from the kernel each time: the heap serves all that a network needs.
    _Setting(-3, 1024 * MIB, "MALLOC_MMAP_THRESHOLD_", "glibc.malloc.mmap_threshold"),
    # So much may lie free at the heap's end before it goes back.
    _Setting(-1, 2048 * MIB - 1, "MALLOC_TRIM_THRESHOLD_", "glibc.malloc.trim_threshold"),
    # The heap grows by so much at a time; memory that nobody writes to takes no room.
    _Setting(-2, 64 * MIB, "MALLOC_TOP_PAD_", "glibc.malloc.top_pad"),
)


def keep_freed_memory() -> None:
    """Tells glibc to keep large blocks, if it is called before there are any. Elsewhere than on glibc it does nothing.

    What the user's own environment says of a setting stands.
    """
    if not _is_glibc():
        return
    # Huge pages (torch's THP_MEM_ALLOC_ENABLE) are left to the user: measured on two cores of a Xeon, they took no time
    # off a step whose memory is kept, and up to 200 MiB more.
    mallopt = ctypes.CDLL(None).mallopt
    tunables = os.environ.get("GLIBC_TUNABLES", "")
    for setting in _SETTINGS:
        if setting.variable not in os.environ and setting.tunable not in tunables:
            mallopt(setting.parameter, setting.value)


def release_freed_memory() -> None:
    """Hands what is kept back to the kernel, for what comes next may cut it up otherwise and take more beside it.

    What waits for Python's collector is freed first. Source: malloc_trim(3).
    """
    gc.collect()
    if _is_glibc():
        ctypes.CDLL(None).malloc_trim(0)


def _is_glibc() -> bool:
    try:
        return (os.confstr("CS_GNU_LIBC_VERSION") or "").startswith("glibc")
    except (AttributeError, ValueError, OSError):  # Windows; macOS and musl
        return False
