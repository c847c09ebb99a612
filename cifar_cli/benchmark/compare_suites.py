"""Compares two suites: what takes longer than before, beyond what the rounds differ by.

Compared are ratios: of a step to the same step of the reference, of a command to the import of torch. A machine that is
slower at one hour than at another slows both down.
"""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifar_cli.benchmark.round_summary import RoundSummary, ratio, summarize_rounds
from cifar_cli.errors import RunError, UsageError
from cifar_cli.runs.json_files import read_json

MACHINE_FACTS = ("processor", "device", "precision", "threads", "cuda")
WRITE = "cifar benchmark --suite --json"
SLOWER, FASTER, SAME = "slower", "faster", "the same"


@dataclass(frozen=True)
class Change:
    """What a part of the suite takes, as a multiple of its reference, before and now."""

    name: str
    before: RoundSummary
    now: RoundSummary

    @property
    def verdict(self) -> str:
        """`slower` or `faster` where the two confidence intervals have no value in common, else `the same`."""
        (low_before, high_before), (low, high) = self.before.interval, self.now.interval
        return SLOWER if low > high_before else FASTER if high < low_before else SAME

    @property
    def factor(self) -> float:
        """The time now as a multiple of the time before."""
        return self.now.median / self.before.median


def read_suite(path: Path) -> dict[str, Any]:
    """Returns a suite from its file. Raises UsageError unless the file holds all that a comparison needs.

    For the suite of now is compared at the end of minutes of measuring.
    """
    if not path.is_file():
        raise UsageError(f"--compare {path}: expected the file of a suite, found none; write one with: {WRITE} {path}")
    try:
        found = read_json(path)
    except RunError as error:
        raise _no_suite(path, "a file that is no JSON object, or cannot be read") from error
    try:
        times = relative_times(found).values()
        other_machine(found, found)
    except (KeyError, TypeError, AttributeError, ValueError, ZeroDivisionError, OverflowError) as error:
        raise _no_suite(path, "another JSON file, or one in which some are missing") from error
    if not times or not all(0 < time.interval[0] <= time.interval[1] < math.inf for time in times):
        raise _no_suite(path, "none, or times that are not above 0")
    return found


def _no_suite(path: Path, found: str) -> UsageError:
    return UsageError(f"--compare {path}: expected the figures of a suite, found {found}; write one with: {WRITE} FILE")


def relative_times(suite: Mapping[str, Any]) -> dict[str, RoundSummary]:
    """Returns what each part of a suite takes, round by round, as a multiple of its reference."""
    steps = {
        name: ratio(found["step_seconds"]["ours"]["per_round"], to=found["step_seconds"]["reference"]["per_round"])
        for name, found in suite["benchmarks"].items()
    }
    commands = {name: summarize_rounds(found["ratio"]["per_round"]) for name, found in suite["commands"].items()}
    return {**steps, **commands}


def compare_suites(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[Change]:
    """Returns a change for each part that both suites have, in the order of the new one."""
    old = relative_times(before)
    return [Change(name, old[name], found) for name, found in relative_times(now).items() if name in old]


def parts_of_one(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns the parts that only one of two suites has, which are not compared."""
    old, new = relative_times(before), relative_times(now)
    return [name for name in [*new, *old] if name not in old or name not in new]


def other_machine(before: Mapping[str, Any], now: Mapping[str, Any]) -> list[str]:
    """Returns how the machines of two suites differ, a phrase for each fact; empty if they are alike."""
    old, new = before["machine"], now["machine"]
    facts = {fact: (old.get(fact), new.get(fact)) for fact in MACHINE_FACTS}
    facts["torch"] = (old["packages"].get("torch"), new["packages"].get("torch"))
    return [f"{fact} {was} then, {is_} now" for fact, (was, is_) in facts.items() if was != is_]
