"""A page of the manual on a terminal."""

import io

import pytest
from rich.console import Console

from cifar_cli.commands.docs import topics
from cifar_cli.console.manual_page import ManualPage


def rendered(text: str, *, width: int) -> str:
    console = Console(file=io.StringIO(), width=width, force_terminal=False, legacy_windows=False)
    console.print(ManualPage(text))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_a_word_wider_than_its_column_goes_on_in_the_next_line() -> None:
    page = "| network | paper |\n| --- | --- |\n| resnet20, a residual network | arXiv:1512.03385 |\n"
    shown = rendered(page, width=24)
    assert "…" not in shown
    paper = "".join(line[12:].strip() for line in shown.splitlines())
    assert paper.endswith("arXiv:1512.03385")


@pytest.mark.parametrize("topic", ["zoo", "keys", "commands"])
def test_no_page_loses_a_character_at_eighty_columns(topic: str) -> None:
    text = topics()[topic].read_text(encoding="utf-8")
    assert rendered(text, width=80).count("…") == text.count("…")
