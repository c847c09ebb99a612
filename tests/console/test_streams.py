"""What a person typed is printed as typed: rich's markup and emoji codes mean nothing."""

import unicodedata
from collections.abc import Callable

import pytest
from rich.console import Console
from rich.table import Table
from rich.text import Text

from cifar_cli.console.streams import note, notes, print_next_step, results, warn
from cifar_cli.shell import shell_command

TYPED = "my [old] runs [/b] :x: a:smile:b [bold]c[/]"


@pytest.mark.parametrize("make", [results, notes])
def test_text_with_markup_and_emoji_codes_is_printed_as_it_is(
    make: Callable[[], Console], capsys: pytest.CaptureFixture[str]
) -> None:
    console, table = make(), Table(TYPED, title=TYPED)
    table.add_row(TYPED)
    console.print(TYPED, style="bold")
    console.print(table)
    assert "".join(capsys.readouterr()).count(TYPED) == 4


def test_notes_warnings_and_next_commands_are_printed_as_they_are(capsys: pytest.CaptureFixture[str]) -> None:
    note(TYPED)
    warn(TYPED)
    print_next_step(wrote=[TYPED], next_command=TYPED)
    assert capsys.readouterr().err.splitlines() == [
        TYPED,
        f"warning: {TYPED}",
        f"wrote {TYPED}",
        f"next: {TYPED}",
    ]


def test_an_escape_sequence_in_a_name_does_not_reach_the_terminal(capsys: pytest.CaptureFixture[str]) -> None:
    name = "a\x1b[31m\x9b2Jb\x1b]0;title\x07.jpg"
    table = Table("picture")
    table.add_row(name)
    results().print(Text(name))
    results().print(table)
    warn(name)
    print_next_step(wrote=[name], next_command=shell_command("cifar", "predict", name))
    printed = "".join(capsys.readouterr())
    assert not [character for character in printed if unicodedata.category(character) == "Cc" and character != "\n"]
    assert printed.count("a\N{REPLACEMENT CHARACTER}[31m") == 4


def test_a_line_break_is_still_one(capsys: pytest.CaptureFixture[str]) -> None:
    warn("left out:\n  a.jpg")
    assert capsys.readouterr().err == "warning: left out:\n  a.jpg\n"
