"""Checks that raise, crash, hang and print: each is a finding, and the next check is made all the same."""

import os
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.diagnosis.examiner import Examiner
from cifar_cli.diagnosis.finding import Check, Finding, Situation

MODULE = """
import os, signal, time
from cifar_cli.diagnosis.finding import Finding

def healthy(situation):
    return Finding("ok", f"process {os.getpid()}")

def talkative(situation):
    print("from a library")
    return Finding("ok", "")

def raises(situation):
    raise ValueError("first line\\nsecond line")

def crashes(situation):
    os.kill(os.getpid(), signal.SIGILL)

def leaves(situation):
    os._exit(3)

def hangs(situation):
    time.sleep(600)

def tells(situation):
    home = os.path.expanduser("~")
    return Finding("problem", f"{home}/x", "see https://me:secret@host/", {"path": [home]})
"""


@pytest.fixture
def checks(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    (tmp_path / "checks_of_a_test.py").write_text(MODULE)
    monkeypatch.syspath_prepend(tmp_path)
    import checks_of_a_test  # type: ignore[import-not-found]

    return checks_of_a_test


def test_a_check_that_raises_crashes_or_leaves_is_a_finding_and_the_next_is_made(
    checks: Any, situation: Situation
) -> None:
    with Examiner(situation) as examiner:
        assert examiner.examine(Check("", "a", checks.raises)) == Finding(
            "warning", "could not be examined: ValueError: first line"
        )
        assert examiner.examine(Check("", "b", checks.crashes, on_failure="problem")) == Finding(
            "problem", "the examining process ended: SIGILL"
        )
        assert examiner.examine(Check("", "c", checks.leaves)) == Finding(
            "warning", "the examining process ended: exit code 3"
        )
        first = examiner.examine(Check("", "d", checks.healthy))
        assert first.status == "ok"
        assert first == examiner.examine(Check("", "e", checks.healthy)), "one process as long as that lives"
        assert first.text != f"process {os.getpid()}"


def test_a_check_that_hangs_is_left(checks: Any, situation: Situation) -> None:
    with Examiner(situation) as examiner:
        hanging = examiner.examine(Check("", "a", checks.hangs, on_failure="problem", limit_seconds=0.5))
        assert hanging == Finding("problem", "no answer within 0.5 s")
        assert examiner.examine(Check("", "b", checks.healthy)).status == "ok"


def test_after_a_problem_what_needs_that_check_is_not_made(checks: Any, situation: Situation) -> None:
    with Examiner(situation) as examiner:
        examiner.examine(Check("", "torch", checks.raises, on_failure="problem"))
        skipped = Finding("note", "not examined: needs torch")
        assert examiner.examine(Check("", "steps", checks.healthy, needs="torch")) == skipped
        assert examiner.examine(Check("", "other", checks.healthy, needs="python")).status == "ok"


def test_what_a_library_prints_does_not_get_to_stdout(
    checks: Any, situation: Situation, capfd: pytest.CaptureFixture[str]
) -> None:
    with Examiner(situation) as examiner:
        assert examiner.examine(Check("", "a", checks.talkative)).status == "ok"
        examiner.examine(Check("", "b", checks.leaves))
    assert capfd.readouterr().out == ""


def test_findings_have_no_private_parts(checks: Any, situation: Situation) -> None:
    with Examiner(situation) as examiner:
        finding = examiner.examine(Check("", "a", checks.tells))
    assert finding == Finding("problem", "~/x", "see https://host/", {"path": ["~"]})
