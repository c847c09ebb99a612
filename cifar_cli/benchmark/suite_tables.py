"""The result of a suite, and of its comparison with another one, for the terminal."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.table import Table

from cifar_cli import formatting
from cifar_cli.benchmark.compare_suites import FASTER, SLOWER, Change
from cifar_cli.benchmark.table import REFERENCES
from cifar_cli.console.fitting_tables import print_table
from cifar_cli.console.streams import results

STYLES = {SLOWER: "bold red", FASTER: "green"}


def print_suite(suite: Mapping[str, Any]) -> None:
    """Prints the seconds of each part, and how they compare with the reference's."""
    console = results()
    steps = Table("a step of", box=SIMPLE_HEAD, padding=(0, 1))
    for heading in ("ms", "times as fast as", "", "95 % confidence", "memory"):
        steps.add_column(heading, justify="left" if heading.startswith("times") else "right")
    for name, found in suite["benchmarks"].items():
        memory = found["peak_memory_bytes"]
        steps.add_row(
            name,
            f"{1000 * found['step_seconds']['ours']['median']:.2f}",
            REFERENCES[found["against"]].title,
            f"{found['speedup']['median']:.2f}",
            _interval(found["speedup"]),
            formatting.binary_bytes(memory) if memory else formatting.NOTHING,
        )
    print_table(console, steps)
    commands = Table("a whole command", box=SIMPLE_HEAD, padding=(0, 1))
    for heading in ("seconds", "times the import of torch", "95 % confidence"):
        commands.add_column(heading, justify="right")
    for name, found in suite["commands"].items():
        seconds, ratio = found["seconds"], found["ratio"]
        commands.add_row(name, f"{seconds['median']:.2f}", f"{ratio['median']:.2f}", _interval(ratio))
    print_table(console, commands)


def print_changes(changes: Sequence[Change], *, since: str) -> None:
    """Prints a row per part: its time as a multiple of its reference's, before and now, and the verdict."""
    table = Table(f"since {since}", box=SIMPLE_HEAD, padding=(0, 1))
    for heading in ("then", "now", "change", ""):
        table.add_column(heading, justify="right")
    for change in changes:
        table.add_row(
            change.name,
            f"{change.before.median:.3f}",
            f"{change.now.median:.3f}",
            formatting.signed_percent(change.factor - 1),
            change.verdict,
            style=STYLES.get(change.verdict),
        )
    console = results()
    print_table(console, table)
    console.print("then and now: the time as a multiple of the reference's, or of the import of torch")


def _interval(summary: Mapping[str, Any]) -> str:
    low, high = summary["confidence_95"] or (summary["lowest"], summary["highest"])
    return f"{low:.2f} – {high:.2f}"
