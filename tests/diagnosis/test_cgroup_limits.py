"""Limits of control groups, read from folders as Linux lays them out in both versions."""

from pathlib import Path

import pytest

from cifar_cli.diagnosis.cgroup_limits import cpu_quota, memory_limit_bytes


def limits(folder: Path) -> tuple[float | None, int | None]:
    places = {"proc": folder / "proc", "sys": folder / "sys"}
    return cpu_quota(**places), memory_limit_bytes(**places)


def lay_out(folder: Path, groups: str, files: dict[str, str]) -> None:
    for name, text in {
        "proc/self/cgroup": groups,
        **{f"sys/fs/cgroup/{name}": text for name, text in files.items()},
    }.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


@pytest.mark.parametrize(
    ("groups", "files", "expected"),
    [
        ("0::/\n", {"cpu.max": "150000 100000\n", "memory.max": "2147483648\n"}, (1.5, 2**31)),
        ("0::/\n", {"cpu.max": "max 100000\n", "memory.max": "max\n"}, (None, None)),
        # A limit of a group above holds, too: the least of all.
        (
            "0::/user/job\n",
            {"user/cpu.max": "200000 100000", "user/job/cpu.max": "400000 100000", "user/memory.max": "5000"},
            (2.0, 5000),
        ),
        # In a container the path may be that of the host.
        ("0::/of/the/host\n", {"cpu.max": "50000 100000"}, (0.5, None)),
        (
            "3:cpu,cpuacct:/job\n4:memory:/job\n",
            {
                "cpu,cpuacct/job/cpu.cfs_quota_us": "300000\n",
                "cpu,cpuacct/job/cpu.cfs_period_us": "100000\n",
                "memory/job/memory.limit_in_bytes": "1048576\n",
                "memory/memory.limit_in_bytes": "9223372036854771712\n",
            },
            (3.0, 2**20),
        ),
        (
            "3:cpu:/\n4:memory:/\n",
            {"cpu/cpu.cfs_quota_us": "-1", "cpu/cpu.cfs_period_us": "100000", "memory/x": ""},
            (None, None),
        ),
    ],
)
def test_the_least_limit_of_the_group_and_those_above_holds(
    groups: str, files: dict[str, str], expected: tuple[float | None, int | None], tmp_path: Path
) -> None:
    lay_out(tmp_path, groups, files)
    assert limits(tmp_path) == expected


def test_without_control_groups_there_is_no_limit(tmp_path: Path) -> None:
    assert limits(tmp_path) == (None, None)
