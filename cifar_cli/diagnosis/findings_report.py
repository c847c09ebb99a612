"""Prints findings for people, one row each, and gathers them for programs."""

from collections.abc import Mapping, Sequence
from typing import Any

from rich.console import Console
from rich.text import Text

from cifar_cli import __version__
from cifar_cli.diagnosis.finding import Check, Finding, Status

STYLES: dict[Status, str] = {"ok": "green", "note": "dim", "warning": "yellow", "problem": "bold red"}
MARKS: dict[Status, str] = {"ok": "✓", "note": "·", "warning": "!", "problem": "✗"}
ASCII_MARKS: dict[Status, str] = {"ok": "+", "note": ".", "warning": "!", "problem": "x"}

Examined = Sequence[tuple[Check, Finding]]


def print_finding(console: Console, check: Check, finding: Finding, *, name_width: int) -> None:
    """Prints mark, name and text, with the mend on a line below."""
    is_plain = not _can_encode(console, "✓✗·→")
    style = STYLES[finding.status]
    mark = (ASCII_MARKS if is_plain else MARKS)[finding.status]
    # With the word, too: colours and marks get lost where a report is pasted.
    word = f"{finding.status}: " if finding.status in ("warning", "problem") else ""
    text = Text.assemble((word, style), (finding.text, "dim" if finding.status == "note" else ""))
    if finding.mend:
        text.append(f"\n{'->' if is_plain else '→'} {finding.mend}", "cyan")
    head = Text.assemble((f" {mark} ", style), (f"{check.name:{name_width}} ", "bold"))
    # Not a table: its cells end in spaces, which spoil what is pasted.
    for number, line in enumerate(text.wrap(console, max(20, console.width - len(head)))):
        line.rstrip()
        console.print(Text.assemble(head if number == 0 else " " * len(head), line), soft_wrap=True)


def as_object(examined: Examined) -> Mapping[str, Any]:
    """Returns what `--json` prints."""
    return {
        "version": __version__,
        "problems": count(examined, "problem"),
        "warnings": count(examined, "warning"),
        "checks": [
            {
                "section": check.section.lower(),
                "name": check.name,
                "status": finding.status,
                "text": finding.text,
                "mend": finding.mend,
                "values": dict(finding.values),
            }
            for check, finding in examined
        ],
    }


def count(examined: Examined, status: Status) -> int:
    """Returns how many findings have the status."""
    return sum(finding.status == status for _, finding in examined)


def _can_encode(console: Console, text: str) -> bool:
    try:
        text.encode(console.encoding)
    except UnicodeEncodeError:
        return False
    return True
