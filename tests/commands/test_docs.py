"""`cifar docs`: the list of pages, a page, and an unknown topic."""

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.commands.docs import FOLDER, docs, topics

TOPICS = sorted(path.relative_to(FOLDER).with_suffix("").as_posix() for path in Path(FOLDER).rglob("*.md"))


def test_without_a_topic_every_page_has_a_line_with_its_summary(cifar: Callable[..., Any]) -> None:
    outcome = cifar("docs")
    assert outcome.code == 0
    lines = outcome.out.splitlines()
    assert sorted(line.split()[0] for line in lines) == TOPICS
    (data,) = [line for line in lines if line.startswith("data ")]
    about = "Where the images come from, how to train on your own, how a download is checked, and what to do without a "
    assert data.split(maxsplit=1) == ["data", f"{about}network."]
    assert outcome.err == "next: cifar docs configuration\n"


@pytest.mark.parametrize("topic", TOPICS)
def test_in_a_pipe_a_page_is_the_file_byte_for_byte(topic: str, cifar: Callable[..., Any]) -> None:
    outcome = cifar("docs", topic)
    assert (outcome.code, outcome.err) == (0, "")
    assert outcome.out == (FOLDER / f"{topic}.md").read_text(encoding="utf-8")


def test_on_a_terminal_a_page_is_rendered(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", "60")
    docs("trust")
    printed = capsys.readouterr().out
    assert "What can be trusted" in printed
    assert "# What can be trusted" not in printed
    assert "**" not in printed


def test_topics_of_the_manual_come_before_the_laboratory_notes() -> None:
    names = list(topics())
    notes = [name for name in names if "/" in name]
    assert notes
    assert names == sorted(set(names) - set(notes)) + notes


@pytest.mark.parametrize(
    ("topic", "mend"),
    [
        ("confguration", "did you mean 'configuration'?"),
        ("conf", "did you mean 'configuration'?"),
        ("experiments", "expected one of"),
        ("", ""),
    ],
)
def test_an_unknown_topic_ends_with_2_and_names_the_nearest(topic: str, mend: str, cifar: Callable[..., Any]) -> None:
    outcome = cifar("docs", topic)
    assert outcome.code == 2
    assert outcome.out == ""
    assert f"found '{topic}'" in outcome.err
    assert mend in outcome.err
