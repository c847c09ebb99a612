"""The README's examples are true: its configuration loads, its mistakes are told so, its files are where it says."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.config import load_text
from cifar_cli.config.schema import KINDS
from cifar_cli.errors import ConfigError

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def block(language: str) -> str:
    """Returns the README's block of code in that language that stands under the heading on configuration."""
    chapter = README.partition("## Configuration in one page")[2].partition("\n## ")[0]
    return re.search(rf"```{language}\n(.*?)```", chapter, re.DOTALL)[1]


def test_the_configuration_on_one_page_is_valid_and_names_every_key() -> None:
    experiment = load_text(block("yaml"), place="mine.yaml")
    shown = {key for section in experiment.model_dump().values() if isinstance(section, dict) for key in section}
    kinds = [section for kinds in KINDS.values() for section in kinds.values()]
    keys = shown | {key for section in kinds for key in section.model_fields}
    assert {key for key in keys if not re.search(rf"\b{key}\b", block("yaml"))} == set()


def test_the_mistakes_it_shows_are_told_in_these_words() -> None:
    mistaken = block("yaml").replace("lr: 0.01", "lr: fast").replace("momentum: 0.9", "momentun: 0.9")
    with pytest.raises(ConfigError) as caught:
        load_text(mistaken, place="mine.yaml")
    assert str(caught.value) + "\n" == block("text")


@pytest.mark.parametrize("path", re.findall(r"\]\(([^)h][^)]*)\)", README))
def test_what_it_links_to_is_there(path: str) -> None:
    assert (ROOT / path).is_file()


ROOMS = README.partition("```text\ncifar_cli/")[2]


@pytest.mark.parametrize("room", re.findall(r"^  (\w+(?:/|\.py)) ", ROOMS, re.MULTILINE))
def test_every_room_that_it_describes_exists(room: str) -> None:
    assert (ROOT / "cifar_cli" / room).exists()


EXPLAINED = README.partition("## A network explained")[2].partition("\n## ")[0]


def test_the_table_it_shows_is_what_explain_prints(cifar: Callable[..., Any]) -> None:
    printed = cifar("explain", "tutorial").out
    rows = {line.split()[0]: line.split() for line in printed.splitlines() if line.strip()}
    shown = re.findall(r"^ (\w+ .*)$", EXPLAINED, re.MULTILINE)
    assert [line.split()[0] for line in shown] == ["layer", "conv1", "pool1", "conv2"]

    def without_time(cells: list[str]) -> list[str]:
        return cells[: cells.index("%") - 1] + cells[cells.index("%") :] if "%" in cells else cells

    for line in shown:
        cells = line.split()
        assert without_time(cells) == without_time(rows[cells[0]])


def test_the_number_it_works_by_hand_adds_up_and_is_the_layers(real_data: Path, cifar: Callable[..., Any]) -> None:
    printed = cifar("explain", "tutorial", "--layer", "conv1", f"data.root={real_data}").out
    shown = re.findall(r"^\S.*  +−?\d\.\d{4}$", EXPLAINED, re.MULTILINE)
    assert len(shown) == 6
    assert {" ".join(line.split()) for line in shown} <= {" ".join(line.split()) for line in printed.splitlines()}
    *terms, total, given = [float(line.split()[-1].replace("−", "-")) for line in shown]
    assert sum(terms) == pytest.approx(total, abs=1e-3)
    assert total == given
