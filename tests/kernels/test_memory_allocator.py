"""Counts page faults in real processes: each fault is memory that was not kept."""

import ctypes
import os
import subprocess
import sys

import pytest

from cifar_cli.kernels import memory_allocator

ROUNDS = 10
BLOCK_BYTES = 64 * 2**20

# Allocates a block, writes to all of it and frees it.
ALLOCATE_AND_FREE = f"""
import ctypes, resource
libc = ctypes.CDLL(None)
libc.malloc.restype = ctypes.c_void_p
def allocate_and_free():
    block = ctypes.c_void_p(libc.malloc(ctypes.c_size_t({BLOCK_BYTES})))
    ctypes.memset(block, 1, {BLOCK_BYTES})
    libc.free(block)
allocate_and_free()
"""
COUNT_FAULTS = f"""{ALLOCATE_AND_FREE}
before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
for _ in range({ROUNDS}):
    allocate_and_free()
print((resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before) / {ROUNDS})
"""
RELEASE = f"""{ALLOCATE_AND_FREE}
from cifar_cli.kernels.memory_allocator import release_freed_memory
def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * resource.getpagesize()
before = resident()
release_freed_memory()
print(before, resident())
"""
KEEP = "from cifar_cli.kernels.memory_allocator import keep_freed_memory; keep_freed_memory()"
SHOW_HELP = """
import contextlib, io, sys
from cifar_cli.__main__ import main
sys.argv = ["cifar", "--help"]
with contextlib.suppress(SystemExit), contextlib.redirect_stdout(io.StringIO()):
    main()
"""

on_glibc = pytest.mark.skipif(not memory_allocator.is_glibc(), reason="mallopt is glibc's")


def faults_per_round(first: str, **environment: str) -> float:
    return float(run(first + "\n" + COUNT_FAULTS, **environment))


def run(program: str, **environment: str) -> str:
    """Returns what a program prints in a process with these settings of malloc only."""
    clean = {name: value for name, value in os.environ.items() if not name.startswith(("MALLOC_", "GLIBC_TUNABLES"))}
    answer = subprocess.run(
        [sys.executable, "-c", program],
        env=clean | environment,
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    return answer.stdout


@on_glibc
def test_a_freed_block_is_allocated_again_without_page_faults() -> None:
    # Without the setting, at least a fault for every huge page of 2 MiB; with it, stray faults of Python's own.
    assert faults_per_round("") >= BLOCK_BYTES / (2 * 2**20)
    assert faults_per_round(KEEP) < 3


@on_glibc
def test_the_program_keeps_freed_memory_whatever_the_command() -> None:
    assert faults_per_round(SHOW_HELP) < 3


@on_glibc
def test_released_memory_goes_back_to_the_system() -> None:
    before, after = map(int, run(KEEP + "\n" + RELEASE).split())
    assert before - after > 0.9 * BLOCK_BYTES


@on_glibc
@pytest.mark.parametrize(
    "environment",
    [{"MALLOC_MMAP_THRESHOLD_": "131072"}, {"GLIBC_TUNABLES": "glibc.malloc.mmap_threshold=131072"}],
    ids=["variable", "tunable"],
)
def test_the_users_own_setting_takes_precedence(environment: dict[str, str]) -> None:
    assert faults_per_round(KEEP, **environment) >= BLOCK_BYTES / (2 * 2**20)


def test_other_systems_are_left_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    def has_no_such_name(_: object) -> None:
        raise ValueError("unrecognized configuration name")  # what macOS and musl say

    def is_not_called(_: object) -> None:
        raise AssertionError("a library was opened")

    monkeypatch.setattr(os, "confstr", has_no_such_name)
    monkeypatch.setattr(ctypes, "CDLL", is_not_called)
    memory_allocator.keep_freed_memory()
    memory_allocator.release_freed_memory()
