"""Compiles native.c at first use with the system's C compiler, keeps it in the user's cache, and loads it.

Optional: where there is no compiler or no cache to write to, the library is None and torch computes.
A library in the cache is for one source, one compiler and one processor, because a home folder may serve several
machines. Only files that the user alone can write are loaded: whoever writes a library decides what it runs.
"""

import ctypes
import hashlib
import os
import shlex
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

SOURCE = Path(__file__).with_name("native.c")
# -O2 vectorizes the loops that ask for it, in half of the time of -O3. The last two let it do so for all arithmetic
# of floats, without a change of any value.
FLAGS = ("-std=gnu99", "-O2", "-march=native", "-fopenmp", "-shared", "-fPIC", "-fno-math-errno", "-fno-trapping-math")
# With -march=native, compilers take vectors of 256 bits where the processor has wider ones, which the first of those
# processors paid for with a lower clock. Measured: docs/experiments/native_kernels.md.
WIDE_VECTORS = "-mprefer-vector-width=512"
COMPILERS = ("cc", "gcc", "clang")
TIMEOUT_SECONDS = 60


@dataclass(frozen=True)
class NativeLibrary:
    """The compiled kernels. library: None where they cannot be had; words: by which compiler, or why not."""

    library: ctypes.CDLL | None
    words: str


class _NotAvailableError(Exception):
    """The kernels cannot be had on this machine; says why."""


@cache
def native_library() -> NativeLibrary:
    """Returns the compiled kernels; compiles them if the cache has none for this machine, in some two seconds."""
    try:
        compiler = _find_compiler()
        version = _output([*compiler, "--version"]).partition("\n")[0]
        path = _cache_folder() / f"native-{_key(compiler, version)}.so"
        return NativeLibrary(_load(path) or _compile(compiler, path), f"compiled by {version}")
    except _NotAvailableError as error:
        return NativeLibrary(None, str(error))
    except OSError as error:
        return NativeLibrary(None, f"{error.filename}: {error.strerror}" if error.filename else str(error))


def _find_compiler() -> list[str]:
    """Returns the words that call the compiler: those of $CC, which may have options, or a usual name."""
    if sys.platform != "linux" or sys.maxsize < 2**32:
        raise _NotAvailableError("only on 64-bit Linux")
    wanted = os.environ.get("CC", "").strip()
    try:
        candidates = [shlex.split(wanted)] if wanted else [[name] for name in COMPILERS]
    except ValueError as error:  # a quote that is not closed
        raise _NotAvailableError(f"no C compiler: $CC is {wanted}, in which there is {str(error).lower()}") from None
    for words in candidates:
        if path := shutil.which(words[0]):
            return [os.path.realpath(path) if Path(path).name in COMPILERS else path, *words[1:]]
    raise _NotAvailableError(f"no C compiler: {f'$CC is {wanted},' if wanted else ', '.join(COMPILERS)} not found")


def _cache_folder() -> Path:
    """Returns the folder of compiled kernels, which only the user can write; makes it if necessary."""
    base = os.environ.get("XDG_CACHE_HOME", "")
    # A relative path is to be ignored. Source: XDG Base Directory Specification.
    if not Path(base).is_absolute():
        base = os.path.expanduser("~/.cache")
    if base.startswith("~"):
        raise _NotAvailableError("no cache folder: the user has no home; name a folder in XDG_CACHE_HOME")
    folder = Path(base) / "cifar"
    folder.mkdir(mode=0o700, parents=True, exist_ok=True)
    _check_private(folder, folder.lstat(), is_right_kind=stat.S_ISDIR)
    return folder


def _check_private(path: Path, status: os.stat_result, *, is_right_kind: object) -> None:
    assert callable(is_right_kind)
    if not is_right_kind(status.st_mode) or status.st_uid != os.geteuid() or status.st_mode & 0o022:
        raise _NotAvailableError(f"{path} is not yours alone to write; remove it, or run: chmod go-w {path}")


def _key(compiler: Sequence[str], version: str) -> str:
    """Returns a name for all that a compiled library depends on."""
    parts = (SOURCE.read_bytes(), *(repr(part).encode() for part in (_flags(), compiler, version, _processor())))
    return hashlib.sha256(b"\0".join(parts)).hexdigest()[:32]


def _flags() -> tuple[str, ...]:
    has_wide_vectors = " avx512bw" in _processor()  # with instructions for numbers of 8 and 16 bits
    return (*FLAGS, WIDE_VECTORS) if has_wide_vectors else FLAGS


def _processor() -> str:
    """Returns the lines that tell the first processor's model and instructions."""
    first = Path("/proc/cpuinfo").read_text().partition("\n\n")[0]
    names = ("vendor_id", "cpu family", "model", "stepping", "flags", "CPU ", "Features")  # "CPU …": on ARM
    return "\n".join(line for line in first.splitlines() if line.startswith(names))


def _load(path: Path) -> ctypes.CDLL | None:
    """Returns the library in the cache; None if there is none, or a damaged one."""
    try:
        _check_private(path, path.lstat(), is_right_kind=stat.S_ISREG)
        return ctypes.CDLL(str(path))
    except OSError:
        return None


def _compile(compiler: Sequence[str], path: Path) -> ctypes.CDLL:
    """Compiles the library at this path and loads it. Processes may do so at the same time: one file replaces another.

    The compiler writes into a folder of its own, which mkdtemp makes for the user alone.
    """
    with tempfile.TemporaryDirectory(dir=path.parent, prefix="compiling-") as folder:
        fresh = Path(folder) / path.name
        _output([*compiler, *_flags(), str(SOURCE), "-o", str(fresh)])
        fresh.chmod(0o700)
        fresh.replace(path)
    return ctypes.CDLL(str(path))


def _output(command: Sequence[str]) -> str:
    try:
        done = subprocess.run(command, capture_output=True, text=True, errors="replace", timeout=TIMEOUT_SECONDS)
    except subprocess.TimeoutExpired:
        raise _NotAvailableError(f"{command[0]} took longer than {TIMEOUT_SECONDS} seconds") from None
    if done.returncode != 0:
        said = [line for line in done.stderr.splitlines() if line.strip()]
        reason = next((line for line in said if "error" in line), said[0] if said else f"exit code {done.returncode}")
        raise _NotAvailableError(f"{command[0]} failed: {reason}")
    return done.stdout
