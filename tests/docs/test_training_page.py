"""The snippets of the page on training options: each is a valid part of a configuration, and trains."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

import cifar_cli
from cifar_cli.config import load_text

PAGE = (Path(cifar_cli.__file__).parent / "docs" / "training.md").read_text(encoding="utf-8")
CHAPTERS = {
    title: re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    for title, text in (chapter.split("\n", 1) for chapter in PAGE.split("\n## ")[1:])
}
SNIPPETS = [(title, snippet) for title, snippets in CHAPTERS.items() for snippet in snippets]
BASE = "data: {name: synthetic, batch_size: 100, val_size: 100}\nmodel: {name: cnn, widths: [8]}\n"


@pytest.mark.parametrize(("title", "snippet"), SNIPPETS, ids=[title for title, _ in SNIPPETS])
def test_a_snippet_of_the_page_trains(title: str, snippet: str, cifar: Callable[..., Any], tmp_path: Path) -> None:
    sections = re.findall(r"^(\w+):", snippet, re.MULTILINE)
    base = "".join(line for line in BASE.splitlines(True) if line.partition(":")[0] not in sections)
    (tmp_path / "page.yaml").write_text(base + snippet)
    load_text(base + snippet, location="page.yaml")
    words = ["data.name=synthetic", "data.val_size=100", "train.epochs=3", "train.device=cpu", "log.images_every=0"]
    outcome = cifar("train", "--config", "page.yaml", *words)
    assert outcome.code == 0, outcome.err
