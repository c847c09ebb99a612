"""Folders that can be written, cannot be written, and in whose place is something else."""

import errno
import os
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from cifar_cli.diagnosis import folder_checks
from cifar_cli.diagnosis.finding import Finding, Situation
from cifar_cli.diagnosis.folder_checks import (
    check_data_folder,
    check_data_lock,
    check_log_dir,
    check_log_lock,
    check_temporary_folder,
)

CHECKS = (check_log_dir, check_log_lock, check_data_folder, check_data_lock)


def test_folders_that_are_not_there_yet_are_fine_and_stay_unmade(situation: Situation, tmp_path: Path) -> None:
    findings = [check(situation) for check in CHECKS]
    assert {finding.status for finding in findings} == {"ok"}
    assert "not there yet, can be made" in findings[0].text
    assert findings[2].text.startswith(f"{tmp_path}/data (as given): ")
    assert list(tmp_path.iterdir()) == []


def test_folders_that_are_there_are_left_as_they_are(situation: Situation, tmp_path: Path) -> None:
    for name in ("logs", "data"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "mine").touch()
    assert {check(situation).status for check in CHECKS} == {"ok"}
    assert sorted(str(path.relative_to(tmp_path)) for path in tmp_path.rglob("*")) == [
        "data",
        "data/mine",
        "logs",
        "logs/mine",
    ]


def test_a_folder_may_begin_with_a_tilde_that_names_no_user(
    make_situation: Callable[..., Situation], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("~no-such-user").mkdir()
    assert check_log_dir(make_situation(log_dir=Path("~no-such-user"))).status == "ok"
    assert check_log_lock(make_situation(log_dir=Path("~no-such-user"))).status == "ok"


@pytest.mark.parametrize("inside", ["", "deeper"])
def test_a_file_in_the_place_of_the_logs_folder_is_a_problem(
    inside: str, make_situation: Callable[..., Situation], tmp_path: Path
) -> None:
    (tmp_path / "logs").touch()
    finding = check_log_dir(make_situation(log_dir=tmp_path / "logs" / inside))
    assert finding.status == "problem"
    assert "expected a folder to write to, found: Not a directory" in finding.text
    assert "log.dir=FOLDER" in finding.mend
    assert finding.values["is_writable"] is False


def refuse(*arguments: object, **options: object) -> None:
    raise PermissionError(13, "Permission denied")


def test_a_folder_without_rights_is_a_problem_for_logs_and_a_warning_for_images_that_are_there(
    situation: Situation, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_checks.tempfile, "NamedTemporaryFile", refuse)
    assert check_log_dir(situation).status == "problem"
    assert "found: Permission denied; the nearest folder is" in check_log_dir(situation).text
    assert check_data_folder(situation).status == "problem", "no images, and none can be downloaded"
    (tmp_path / "data" / "cifar-10-batches-py").mkdir(parents=True)
    assert check_data_folder(situation).status == "warning"
    assert check_data_lock(situation) == Finding("note", "not examined: the folder cannot be written")


def test_little_space_is_a_warning(situation: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    usage = folder_checks.shutil._ntuple_diskusage(2**40, 2**40 - 2**20, 2**20)
    monkeypatch.setattr(folder_checks.shutil, "disk_usage", lambda path: usage)
    finding = check_log_dir(situation)
    assert finding.status == "warning"
    assert "only 1 MiB free" in finding.text


def test_locks_that_keep_nobody_out_are_a_warning(situation: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("fcntl.flock", lambda *_: None)  # as on some network folders
    assert check_log_lock(situation).status == "warning"
    assert "two processes got the same lock" in check_log_lock(situation).text


def test_without_locks_there_is_a_warning_with_the_reason(
    situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_locks(*_: object) -> None:
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))

    monkeypatch.setattr("fcntl.flock", no_locks)
    for check in (check_log_lock, check_data_lock):
        assert check(situation).status == "warning"
        assert "no file can be locked: Function not implemented" in check(situation).text


def test_a_machine_without_a_folder_for_temporary_files_is_a_problem(
    make_situation: Callable[..., Situation], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert check_temporary_folder(make_situation()).status == "ok"
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", lambda: ["/nonexistent"])
    finding = check_temporary_folder(make_situation())
    assert (finding.status, finding.mend) == ("problem", "TMPDIR=FOLDER")
    assert "found none among $TMPDIR, /tmp, /var/tmp, the working directory" in finding.text
