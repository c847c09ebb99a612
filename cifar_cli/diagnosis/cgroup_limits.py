"""Reads how much CPU and memory Linux gives this process's control group, as containers and batch systems set it."""

from collections.abc import Iterator
from pathlib import Path

UNLIMITED_BYTES = 2**60  # version 1 writes a number near 2^63 for no limit


def cpu_quota(*, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> float | None:
    """Returns how many CPUs the group may use on average; None without a limit. Source: Linux, cgroup-v2.rst."""
    quotas = []
    for folder in _folders("cpu", proc=proc, sys=sys):
        words = _words(folder / "cpu.max")  # version 2: quota and period in microseconds
        if not words:
            words = _words(folder / "cpu.cfs_quota_us") + _words(folder / "cpu.cfs_period_us")
        if len(words) == 2 and words[0] not in ("max", "-1"):
            quotas.append(int(words[0]) / int(words[1]))
    return min(quotas, default=None)


def memory_limit_bytes(*, proc: Path = Path("/proc"), sys: Path = Path("/sys")) -> int | None:
    """Returns the most memory that the group may use; None without a limit."""
    limits = []
    for folder in _folders("memory", proc=proc, sys=sys):
        words = _words(folder / "memory.max") or _words(folder / "memory.limit_in_bytes")
        if words and words[0] != "max" and int(words[0]) < UNLIMITED_BYTES:
            limits.append(int(words[0]))
    return min(limits, default=None)


def _folders(controller: str, *, proc: Path, sys: Path) -> Iterator[Path]:
    """Yields the folders of the process's group and of all groups above it, of both versions."""
    groups = proc / "self" / "cgroup"
    if not groups.is_file():
        return
    for line in groups.read_text().splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        mount = sys / "fs" / "cgroup" / controllers
        group = mount / path.lstrip("/")
        # Within a container the path may be that of the host: then only the mount itself exists.
        yield from (folder for folder in (group, *group.parents) if folder.is_relative_to(mount) and folder.is_dir())


def _words(file: Path) -> list[str]:
    return file.read_text().split() if file.is_file() else []
