"""How findings look on terminals of several widths and encodings."""

import io

import pytest
from rich.console import Console

from cifar_cli.diagnosis.finding import Check, Finding
from cifar_cli.diagnosis.findings_report import print_finding

CHECK = Check("Folders", "logs", lambda situation: Finding("ok", ""))
LONG = Finding("problem", "/a/long/path: expected a folder to write to, found: Read-only file system", "mend it " * 9)


def printed(finding: Finding, *, width: int = 80, encoding: str = "utf-8") -> str:
    file = io.TextIOWrapper(io.BytesIO(), encoding=encoding)
    print_finding(Console(file=file, width=width), CHECK, finding, name_width=6)
    file.seek(0)
    return file.read()


@pytest.mark.parametrize("width", [30, 50, 80, 120])
def test_rows_fit_the_terminal_and_end_in_no_space(width: int) -> None:
    lines = printed(LONG, width=width).splitlines()
    assert lines[0].startswith(" ✗ logs   problem:")
    assert all(line.startswith(" " * 10) for line in lines[1:])
    assert max(map(len, lines)) <= width
    assert [line for line in lines if line != line.rstrip()] == []
    assert " ".join(" ".join(lines).split()) == f"✗ logs problem: {LONG.text} → {LONG.mend.strip()}"


@pytest.mark.parametrize(
    ("status", "row", "in_ascii"),
    [
        ("ok", " ✓ logs   fine\n", " + logs   fine\n"),
        ("note", " · logs   fine\n", " . logs   fine\n"),
        ("warning", " ! logs   warning: fine\n", " ! logs   warning: fine\n"),
        ("problem", " ✗ logs   problem: fine\n", " x logs   problem: fine\n"),
    ],
)
def test_every_status_has_a_mark_that_the_terminal_can_show(status: str, row: str, in_ascii: str) -> None:
    finding = Finding(status, "fine")  # type: ignore[arg-type]
    assert printed(finding) == row
    assert printed(finding, encoding="ascii") == in_ascii


def test_only_the_mark_and_the_word_have_the_colour_of_the_status() -> None:
    file = io.StringIO()
    console = Console(file=file, width=80, force_terminal=True, color_system="standard", no_color=False)
    print_finding(console, CHECK, Finding("problem", "full", "free some"), name_width=6)
    first, second = file.getvalue().splitlines()
    assert first == "\x1b[1;31m ✗ \x1b[0m\x1b[1mlogs   \x1b[0m\x1b[1;31mproblem: \x1b[0mfull"
    assert second == "          \x1b[36m→ free some\x1b[0m"
