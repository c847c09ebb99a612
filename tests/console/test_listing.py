"""A list of names and descriptions: whole in a pipe, cut to the width of a terminal."""

import sys

import pytest

from cifar_cli.console.listing import print_listing

DESCRIPTIONS = {"linear": "A short one.", "linear-regression": "A description of many words that is long."}


def test_in_a_pipe_the_lines_are_whole_and_aligned(capsys: pytest.CaptureFixture[str]) -> None:
    print_listing(DESCRIPTIONS, next_command="cifar lesson linear")
    printed = capsys.readouterr()
    assert printed.out.splitlines() == [
        "linear             A short one.",
        "linear-regression  A description of many words that is long.",
    ]
    assert printed.err == "next: cifar lesson linear\n"


def test_on_a_terminal_longer_lines_end_with_dots_at_its_width(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "32")
    print_listing(DESCRIPTIONS, next_command="cifar lesson linear")
    assert capsys.readouterr().out.splitlines() == [
        "linear             A short one.",
        "linear-regression  A descriptio…",
    ]
