"""What a person typed is printed as typed: rich's markup and emoji codes mean nothing."""

from collections.abc import Callable

import pytest
from rich.console import Console
from rich.table import Table

from cifar_cli.console.streams import note, notes, print_next_step, results, warn

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
