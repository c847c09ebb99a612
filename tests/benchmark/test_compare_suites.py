"""What a suite says against an earlier one: slower only where the rounds leave no doubt."""

import json
import math
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.benchmark.compare_suites import compare_suites, other_machine, parts_of_one, read_suite, relative_times
from cifar_cli.errors import UsageError


def suite(
    *, ours: list[float], reference: list[float], help_ratios: list[float] | None = None, torch: str = "2.14"
) -> dict[str, Any]:
    return {
        "machine": {"processor": "Xeon", "threads": 2, "packages": {"torch": torch}},
        "benchmarks": {"cnn": {"step_seconds": {"ours": {"per_round": ours}, "reference": {"per_round": reference}}}},
        "commands": {"cifar --help": {"ratio": {"per_round": help_ratios or [0.1] * 7}}},
    }


BEFORE = suite(ours=[1.0, 1.1, 1.2, 1.1, 1.0, 1.2, 1.1], reference=[2.0] * 7)


def test_a_part_is_slower_if_no_value_of_its_interval_is_one_of_the_earlier_interval() -> None:
    # Seven rounds: the 95 % interval of the median leaves out none, so it is the range: 0.5 to 0.6 of the reference.
    slower = suite(ours=[1.3, 1.22, 1.4, 1.3, 1.3, 1.3, 1.3], reference=[2.0] * 7)
    step, help_ = compare_suites(BEFORE, slower)
    assert (step.name, step.before.interval, step.now.interval) == ("cnn", (0.5, 0.6), (0.61, 0.7))
    assert (step.verdict, round(step.factor, 3)) == ("slower", round(0.65 / 0.55, 3))
    assert (help_.name, help_.verdict) == ("cifar --help", "the same")
    (back, _) = compare_suites(slower, BEFORE)
    assert back.verdict == "faster"


def test_intervals_that_touch_are_the_same() -> None:
    step, _ = compare_suites(BEFORE, suite(ours=[1.2, 1.4, 1.4, 1.4, 1.4, 1.4, 1.4], reference=[2.0] * 7))
    assert step.verdict == "the same"


def test_a_machine_at_half_its_speed_is_no_change() -> None:
    step, _ = compare_suites(BEFORE, suite(ours=[2.0, 2.2, 2.4, 2.2, 2.0, 2.4, 2.2], reference=[4.0] * 7))
    assert (step.verdict, step.factor) == ("the same", 1.0)


def test_a_part_that_only_one_suite_has_is_left_out() -> None:
    more = suite(ours=[1.0] * 7, reference=[2.0] * 7)
    more["commands"]["cifar eval"] = {"ratio": {"per_round": [2.0] * 7}}
    assert list(relative_times(more)) == ["cnn", "cifar --help", "cifar eval"]
    assert [change.name for change in compare_suites(BEFORE, more)] == ["cnn", "cifar --help"]
    assert parts_of_one(BEFORE, more) == parts_of_one(more, BEFORE) == ["cifar eval"]
    assert parts_of_one(more, more) == []


def test_another_machine_and_another_torch_are_named() -> None:
    now = suite(ours=[1.0] * 7, reference=[2.0] * 7, torch="2.15")
    now["machine"]["threads"] = 1
    assert other_machine(BEFORE, now) == ["threads 2 then, 1 now", "torch 2.14 then, 2.15 now"]
    assert other_machine(BEFORE, BEFORE) == []


def test_a_suite_is_read_as_it_was_written(tmp_path: Path) -> None:
    (tmp_path / "x.json").write_text(json.dumps(BEFORE))
    assert read_suite(tmp_path / "x.json") == BEFORE


@pytest.mark.parametrize(
    ("text", "found"),
    [
        (json.dumps({key: value for key, value in BEFORE.items() if key != "machine"}), "another JSON file, or one in"),
        (json.dumps(BEFORE | {"machine": {"threads": 2}}), "another JSON file, or one in which some are missing"),
        (json.dumps(BEFORE | {"benchmarks": {"cnn": {}}}), "another JSON file, or one in which some are missing"),
        (json.dumps(suite(ours=[0.0] * 7, reference=[2.0] * 7)), "none, or times that are not above 0"),
        (json.dumps(suite(ours=[math.nan] * 7, reference=[2.0] * 7)), "none, or times that are not above 0"),
        (json.dumps(BEFORE | {"benchmarks": {}, "commands": {}}), "none, or times that are not above 0"),
        ("[1]", "a file that is no JSON object, or cannot be read"),
        ("", "a file that is no JSON object, or cannot be read"),
    ],
)
def test_a_file_that_cannot_be_compared_is_refused_before_anything_is_measured(
    text: str, found: str, tmp_path: Path
) -> None:
    (tmp_path / "x.json").write_text(text)
    with pytest.raises(UsageError) as told:
        read_suite(tmp_path / "x.json")
    assert str(told.value).startswith(
        f"--compare {tmp_path / 'x.json'}: expected the figures of a suite, found {found}"
    )
    assert str(told.value).endswith("; write one with: cifar benchmark --suite --json FILE")
