"""When a run was started: by its record, else its name."""

import json
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from cifar_cli.runs.start_time import UNKNOWN, start_time


@pytest.fixture
def tokyo(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Local time nine hours ahead of UTC."""
    with monkeypatch.context() as patched:
        patched.setenv("TZ", "Asia/Tokyo")
        time.tzset()
        yield
    time.tzset()


def make_run(folder: Path, *, environment: str | None = None) -> Path:
    folder.mkdir()
    (folder / "config.yaml").touch()
    if environment is not None:
        (folder / "env.json").write_text(environment)
    return folder


def test_the_record_counts_before_name_and_file(tmp_path: Path) -> None:
    folder = make_run(
        tmp_path / "demo-20260304-120000", environment=json.dumps({"started": "2025-01-02T03:04:05.678901+00:00"})
    )
    found = start_time(folder)
    assert found == datetime(2025, 1, 2, 3, 4, 5, 678901, tzinfo=UTC)


@pytest.mark.parametrize("environment", [None, "{}", "{", "[]", '{"started": 7}', '{"started": "yesterday"}'])
def test_without_a_readable_record_the_name_tells_the_local_time(
    tmp_path: Path, tokyo: None, environment: str | None
) -> None:
    folder = make_run(tmp_path / "demo-20260304-120000", environment=environment)
    found = start_time(folder)
    assert found.replace(microsecond=0) == datetime(2026, 3, 4, 3, 0, 0, tzinfo=UTC)


def test_runs_of_one_second_are_in_the_order_of_their_numbers(tmp_path: Path) -> None:
    names = ["demo-20260304-120000", "demo-20260304-120000-2", "demo-20260304-120000-9", "demo-20260304-120000-10"]
    times = [start_time(folder) for folder in (make_run(tmp_path / name) for name in names)]
    assert times == sorted(set(times))


@pytest.mark.parametrize("name", ["demo", "demo-20261341-120000", "demo-20260304-120000-x"])
def test_a_folder_of_another_name_is_older_than_all_others_whatever_the_times_of_its_files(
    tmp_path: Path, name: str
) -> None:
    folder = make_run(tmp_path / name)
    assert start_time(folder) == UNKNOWN < start_time(make_run(tmp_path / "demo-19991231-235959"))
