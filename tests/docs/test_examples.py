"""The components that the page on architecture adds, each with one file and one entry: they are checked and train."""

import re
import sys
from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

from cifar_cli.data.transforms import table as augmentation_table
from cifar_cli.models import table as model_table

PAGE = Path(__file__).parents[2] / "cifar_cli" / "docs" / "architecture.md"
BLOCKS = dict(re.findall(r"```python\n# (\S+\.py)\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL))
DATA = "data: {name: synthetic, batch_size: 50, val_size: 100}\n"


@pytest.fixture
def add_file(monkeypatch: pytest.MonkeyPatch) -> Callable[[str], None]:
    """Returns a function that makes a file of the page a module."""

    def add(path: str) -> None:
        name = path.removesuffix(".py").replace("/", ".")
        module = ModuleType(name)
        exec(compile(BLOCKS[path], path, "exec"), module.__dict__)
        monkeypatch.setitem(sys.modules, name, module)

    return add


def assert_it_trains(text: str, cifar: Callable[..., Any], folder: Path) -> None:
    (folder / "own.yaml").write_text(text)
    outcome = cifar("train", "--config", "own.yaml", "train.epochs=1", "train.device=cpu", "train.precision=fp32")
    assert outcome.code == 0, outcome.err


def assert_it_is_refused(text: str, message: str, cifar: Callable[..., Any], folder: Path) -> None:
    (folder / "wrong.yaml").write_text(text)
    outcome = cifar("config", "validate", "wrong.yaml")
    assert outcome.code == 2
    assert message in outcome.err


def test_the_model_of_the_page_trains(
    add_file: Callable[[str], None], cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add_file("cifar_cli/models/tiny.py")
    changed = dict(vars(model_table))
    exec(BLOCKS["cifar_cli/models/table.py"], changed)
    assert changed["MODELS"].keys() == model_table.MODELS.keys() | {"tiny"}
    monkeypatch.setitem(model_table.MODELS, "tiny", changed["TinyKeys"])
    assert_it_trains(DATA + "model: {name: tiny, width: 32}\n", cifar, tmp_path)
    assert_it_is_refused(DATA + "model: {name: tiny, widht: 32}\n", "did you mean 'width'?", cifar, tmp_path)


def test_the_augmentation_of_the_page_trains(
    add_file: Callable[[str], None], cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    add_file("cifar_cli/data/transforms/blend.py")
    entries = eval(f"{{{BLOCKS['cifar_cli/data/transforms/table.py']}}}", dict(vars(augmentation_table)))
    assert entries.keys() == {"blend"}
    monkeypatch.setitem(augmentation_table.AUGMENTATIONS, "blend", entries["blend"])
    text = DATA.replace("}", ", augment: {flip: random, blend: 0.2}}") + "model: {name: mlp, hidden: [8]}\n"
    assert_it_trains(text, cifar, tmp_path)
    message = "data.augment.blend: expected a number from 0 to below 1, found 2; write for example 0.2"
    assert_it_is_refused(text.replace("0.2", "2"), message, cifar, tmp_path)
