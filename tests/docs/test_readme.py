"""The README: short, its tour runs, and its table says what the configurations say."""

import re
import shlex
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
TRAINABLE = sorted(path.stem for path in (ROOT / "configs").glob("*.yaml"))
COUNTS = {"1": "one run", "3": "three runs", "5": "five runs"}
SMALL = ["data.name=synthetic", "data.val_size=100", "data.batch_size=50"]


def chapter(title: str) -> str:
    """Returns the text of README.md between that heading and the next."""
    return README.partition(f"\n## {title}\n")[2].partition("\n## ")[0]


def test_it_has_at_most_160_lines() -> None:
    assert len(README.splitlines()) <= 160


@pytest.mark.parametrize("marker", ["main command", "test command"])
def test_each_of_its_two_commands_stands_on_a_line_of_its_own_below_its_marker(marker: str) -> None:
    below = README.partition(f"<!-- {marker} -->\n")[2].splitlines()
    assert (below[0], below[2]) == ("```bash", "```")
    assert {"main command": "cifar train --config", "test command": "pytest"}[marker] in below[1]


def test_it_shows_a_picture() -> None:
    (picture,) = re.findall(r"!\[[^\]]*\]\(([^)]*)\)", README)
    assert (ROOT / picture).read_bytes().startswith(b"\x89PNG")


def test_its_tour_runs_from_the_first_line_to_the_last(cifar: Callable[..., Any]) -> None:
    blocks = re.findall(r"```bash\n(.*?)```", chapter("A tour of five minutes"), re.DOTALL)
    lines = [shlex.split(line, comments=True) for block in blocks for line in block.splitlines()]
    lines.remove(["tensorboard", "--logdir", "logs"])
    assert len(lines) >= 12
    for words in lines:
        assert words[0] == "cifar"
        if words[1] in ("train", "visualize-layer") and "--config" in words:
            words += SMALL
        if words[1] == "train":
            words.append("train.epochs=1")
        outcome = cifar(*words[1:])
        assert outcome.code == 0, (words, outcome.err)


def test_its_commands_for_a_network_of_ones_own_run_on_the_network_of_the_page(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    page = (ROOT / "cifar_cli" / "docs" / "own_network.md").read_text(encoding="utf-8")
    (text,) = re.findall(r"```python\n# my_net.py\n(.*?)```", page, re.DOTALL)
    (tmp_path / "my_net.py").write_text(text)
    (block,) = re.findall(r"```bash\n(.*?)```", chapter("Your own network in two minutes"), re.DOTALL)
    lines = [shlex.split(line, comments=True) for line in block.splitlines()]
    assert [words[:2] for words in lines] == [
        ["cifar", command] for command in ("explain", "visualize-layer", "train", "eval")
    ]
    for words in lines:
        words += SMALL if words[1] in ("train", "visualize-layer") else []
        words += ["train.epochs=1"] if words[1] == "train" else []
        outcome = cifar(*words[1:])
        assert outcome.code == 0, (words, outcome.err)


def row_of(name: str, page: str) -> list[str]:
    """Returns the cells of the row that begins with the configuration's name."""
    (row,) = re.findall(rf"^\| `{name}` \| .*$", page, re.MULTILINE)
    return [cell.strip() for cell in row.strip("|").split("|")]


@pytest.mark.parametrize("name", TRAINABLE)
def test_its_table_says_of_each_configuration_what_was_measured_as_the_files_head_does(name: str) -> None:
    text = (ROOT / "configs" / f"{name}.yaml").read_text(encoding="utf-8")
    head = " ".join(line.removeprefix("#").strip() for line in text.partition("\nname:")[0].splitlines())
    _, _, accuracy, seeds, time, measured = row_of(name, chapter("What the configurations reach"))
    machine, date = measured.split(", ")
    measurement = head[head.index(f"Measured {date}") :]
    assert f"{accuracy} on the test set" in measurement or f"{accuracy} in the mean" in measurement
    assert COUNTS[seeds] in measurement
    assert f"{time} for the whole command" in measurement
    assert all(word in measurement for word in re.findall(r"\w+", machine))


@pytest.mark.parametrize("name", TRAINABLE)
def test_the_page_of_results_has_the_same_figures(name: str) -> None:
    page = (ROOT / "cifar_cli" / "docs" / "results.md").read_text(encoding="utf-8")
    _, _, accuracy, seeds, time, measured = row_of(name, chapter("What the configurations reach"))
    _, _, same_accuracy, same_seeds, _, same_time, machine = row_of(name, page)
    assert (accuracy, seeds, time) == (same_accuracy, same_seeds, same_time)
    assert measured.startswith(machine)
