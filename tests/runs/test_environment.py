"""The description of the machine, compared with what the machine reports itself."""

import json
import platform
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import torch

from cifar_cli.runs import environment
from cifar_cli.runs.environment import describe_environment, is_source_changed, source_commit


def describe() -> dict[str, object]:
    return describe_environment(device="2 CPU threads", precision="fp32", data_root=None)


def test_versions_device_precision_threads_and_command_line_are_described() -> None:
    described = describe()
    assert described["python"] == ".".join(map(str, sys.version_info[:3]))
    assert described["packages"]["torch"] == torch.__version__
    assert (described["device"], described["precision"], described["threads"]) == (
        "2 CPU threads",
        "fp32",
        torch.get_num_threads(),
    )
    assert described["command"] == sys.argv
    assert described["platform"] == platform.platform()
    assert described["processor"]


def test_the_password_of_an_address_on_the_command_line_is_not_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    words = ["cifar", "sweep", "--storage", "postgresql://me:s3cret@host:5432/a", "data.mirrors=[https://host/a:b@c]"]
    monkeypatch.setattr(sys, "argv", words)
    assert describe()["command"] == [*words[:3], "postgresql://me:***@host:5432/a", words[4]]


def test_the_description_consists_of_plain_json_values(tmp_path: Path) -> None:
    described = describe_environment(device="cpu", precision="bf16", data_root=tmp_path)
    assert json.loads(json.dumps(described)) == described
    assert described["data_root"] == str(tmp_path.resolve())


def git(folder: Path, *words: str) -> str:
    """Runs git in a folder and returns what it prints."""
    command = ["git", "-C", str(folder), "-c", "user.name=a", "-c", "user.email=a@example.org", *words]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def test_the_commit_is_that_of_the_repository_that_tracks_the_source(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    source = tmp_path / "package" / "module.py"
    source.parent.mkdir()
    source.touch()
    assert source_commit(source) is None, "no repository"
    git(source.parent, "init", "-q")
    git(source.parent, "add", "module.py")
    assert source_commit(source) is None, "a repository without a commit"
    git(source.parent, "commit", "-q", "-m", "first")
    assert source_commit(source) == git(source.parent, "log", "-1", "--format=%H")
    installed = source.parent / "site-packages" / "module.py"
    installed.parent.mkdir()
    installed.touch()
    assert source_commit(installed) is None, "installed below a repository that knows nothing of it"


def test_source_is_changed_after_a_change_of_a_tracked_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    source = tmp_path / "package" / "module.py"
    source.parent.mkdir()
    source.touch()
    assert is_source_changed(source) is None, "no repository"
    git(source.parent, "init", "-q")
    git(source.parent, "add", "module.py")
    git(source.parent, "commit", "-q", "-m", "first")
    (source.parent / "notes.txt").touch()
    assert is_source_changed(source) is False, "only a file that is not tracked"
    source.write_text("changed")
    assert is_source_changed(source) is True


def test_the_repository_of_the_working_directory_does_not_matter(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = describe()["git_commit"]
    git(tmp_path, "init", "-q")
    git(tmp_path, "commit", "-q", "--allow-empty", "-m", "a stranger's")
    monkeypatch.chdir(tmp_path)
    assert describe()["git_commit"] == own == source_commit(Path(environment.__file__))
    assert own != git(tmp_path, "log", "-1", "--format=%H")


def test_the_time_is_now_in_utc() -> None:
    before = datetime.now(UTC)
    started = datetime.fromisoformat(str(describe()["started"]))
    assert before <= started <= datetime.now(UTC)
    assert started.utcoffset() == timedelta(0)


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert describe()["git_commit"] is None
