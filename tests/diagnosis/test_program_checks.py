"""Versions, packages and environment variables, compared with what is installed and set."""

import re
import sys
from importlib import metadata
from pathlib import Path

import pytest

import cifar_cli
from cifar_cli.diagnosis.finding import Situation
from cifar_cli.diagnosis.program_checks import (
    SET_ONLY,
    VARIABLES,
    check_packages,
    check_program,
    check_python,
    check_variables,
    release,
    split_requirement,
)

PACKAGE = Path(cifar_cli.__file__).parent


def test_version_and_commit_are_those_of_the_source(situation: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cifar_cli.runs.environment.source_commit", lambda source: "0123456789abcdef")
    monkeypatch.setattr("cifar_cli.runs.environment.is_source_changed", lambda source: True)
    finding = check_program(situation)
    assert finding.text == f"{metadata.version('cifar-cli')}, commit 0123456789ab, changed since, in {PACKAGE}"
    monkeypatch.setattr("cifar_cli.runs.environment.source_commit", lambda source: None)
    monkeypatch.setattr("cifar_cli.runs.environment.is_source_changed", lambda source: None)
    assert "installed, no checkout" in check_program(situation).text


def test_the_python_is_this_one(situation: Situation) -> None:
    assert check_python(situation).values["version"] == ".".join(map(str, sys.version_info[:3]))


def test_packages_have_their_versions(situation: Situation) -> None:
    finding = check_packages(situation)
    assert finding.status == "ok"
    assert finding.values["torch"] == metadata.version("torch")
    assert "pytest" not in finding.values, "only needed for tests"


@pytest.mark.parametrize(
    ("requirement", "status", "text", "mend"),
    [
        ("no-such-package>=1.0", "problem", "missing: no-such-package>=1.0;", "pip install 'no-such-package>=1.0'"),
        ("numpy>=99.1", "warning", "is older than 99.1", "pip install --upgrade"),
    ],
)
def test_a_missing_package_is_a_problem_and_an_old_one_a_warning(
    requirement: str, status: str, text: str, mend: str, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(metadata, "requires", lambda name: ["rich>=14.3", requirement])
    finding = check_packages(situation)
    assert finding.status == status
    assert text in finding.text
    assert mend in finding.mend


@pytest.mark.parametrize(
    ("requirement", "expected"),
    [("torch>=2.11", ("torch", "2.11")), ("pyyaml", ("pyyaml", "0")), ("a-b<3,>=1.2.3", ("a-b", "1.2.3"))],
)
def test_a_requirement_is_split(requirement: str, expected: tuple[str, str]) -> None:
    assert split_requirement(requirement) == expected


def test_releases_are_compared_as_numbers() -> None:
    assert release("2.9.1") < release("2.11") <= release("2.11.0+cu130")
    assert release("unknown") == (0,)


def test_only_variables_that_matter_are_shown(situation: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*VARIABLES, *SET_ONLY):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "secret")
    monkeypatch.setenv("CIFAR_TOKEN", "secret")  # of another program
    assert check_variables(situation).text == "none set"
    monkeypatch.setenv("OMP_NUM_THREADS", "3")
    monkeypatch.setenv("HTTPS_PROXY", "http://me:secret@proxy")
    assert check_variables(situation).values == {"OMP_NUM_THREADS": "3", "HTTPS_PROXY": "(set)"}


def test_every_variable_that_the_program_reads_is_shown() -> None:
    code = "\n".join(path.read_text(encoding="utf-8") for path in PACKAGE.rglob("*.py"))
    read = set(re.findall(r'(?:environ(?:\.get|\.setdefault)?[\[(]|getenv\()"(\w+)"', code))
    read |= set(re.findall(r'"([A-Z_]+)" (?:not )?in os\.environ', code))
    assert {"CIFAR_DATA_DIR", "CIFAR_MIRROR", "ONEDNN_MAX_CPU_ISA", "WORLD_SIZE"} <= read
    assert read - {*VARIABLES, *SET_ONLY} == set()
