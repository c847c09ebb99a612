"""The key reference: the file is what the fields of the sections give."""

from pathlib import Path
from typing import Literal

import pytest

from cifar_cli.config.key_reference import key_reference
from cifar_cli.config.schema import CHOICES
from cifar_cli.models.table import ModelKeys
from cifar_cli.section import ChosenFrom, PositiveInt, table

KEYS = Path(__file__).parents[2] / "cifar_cli" / "docs" / "keys.md"


def test_the_page_of_keys_is_up_to_date() -> None:
    written = KEYS.read_text(encoding="utf-8")
    assert written.rstrip() == key_reference().rstrip(), (
        "run: python -m cifar_cli.config.key_reference > cifar_cli/docs/keys.md"
    )


def test_a_key_has_its_meaning_what_is_expected_and_its_default() -> None:
    lines = key_reference().splitlines()
    assert (
        "| `train.clip_grad_norm` | the largest norm of all gradients together; larger ones are scaled down "
        "| a number above 0, or null for none | `null` |"
    ) in lines
    (layers,) = [line for line in lines if line.startswith("| `model.layers` |")]
    assert layers.endswith("| none: has to be given |")


def test_every_kind_has_a_chapter() -> None:
    titles = {line.removeprefix("## ") for line in key_reference().splitlines() if line.startswith("## ")}
    assert titles >= {
        f"{section}: {{name: {kind}}}"
        for section, choice in CHOICES.items()
        for kind in choice.table
        if section != "data"  # one chapter for all datasets that have no keys of their own
    } | {"data", "data: {name: folder}"}


def test_a_key_without_a_title_is_missed() -> None:
    class Wordless(ModelKeys):
        """A network whose key says nothing."""

        name: Literal["wordless"] = "wordless"
        width: PositiveInt = 8

    with pytest.raises(AssertionError, match=r"model\.width"):
        key_reference({**CHOICES, "model": ChosenFrom(table(Wordless))})
