"""What is said of the machine, held against what the machine says itself."""

import json
import platform
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from cifar_cli.runs.environment import describe_environment


def describe() -> dict[str, object]:
    return describe_environment(device="2 CPU threads", precision="fp32", data_root=None)


def test_versions_device_precision_threads_and_command_line_are_told() -> None:
    told = describe()
    assert told["python"] == ".".join(map(str, sys.version_info[:3]))
    assert told["packages"]["torch"] == torch.__version__
    assert (told["device"], told["precision"], told["threads"]) == ("2 CPU threads", "fp32", torch.get_num_threads())
    assert told["command"] == sys.argv
    assert told["platform"] == platform.platform()
    assert told["processor"]


def test_it_is_plain_enough_for_json(tmp_path: Path) -> None:
    told = describe_environment(device="cpu", precision="bf16", data_root=tmp_path)
    assert json.loads(json.dumps(told)) == told
    assert told["data_root"] == str(tmp_path.resolve())


def test_the_commit_is_gits_own_answer_and_nothing_outside_a_repository(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert describe()["git_commit"] is None
    git = ["git", "-c", "user.name=a", "-c", "user.email=a@example.org"]
    subprocess.run([*git, "init", "-q"], check=True)
    assert describe()["git_commit"] is None, "a repository without a commit"
    subprocess.run([*git, "commit", "-q", "--allow-empty", "-m", "first"], check=True)
    commit = describe()["git_commit"]
    log = subprocess.run([*git, "log", "-1", "--format=%H"], check=True, capture_output=True, text=True)
    assert commit == log.stdout.strip()


def test_without_git_there_is_no_commit(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    assert describe()["git_commit"] is None
