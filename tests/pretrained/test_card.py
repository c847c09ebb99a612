"""The card is read as it was written, and a damaged one is told."""

from pathlib import Path
from typing import get_type_hints

import pytest

from cifar_cli.errors import RunError
from cifar_cli.pretrained.card import Card, TrainedSeed, card_path, read_card, write_card

VALUES = {str: "word", int: 3, float: 0.25, tuple[TrainedSeed, ...]: (TrainedSeed(0, None, 0.5, 1.5),)}
CARD = Card(**{name: VALUES[kind] for name, kind in get_type_hints(Card).items()})


def test_a_card_is_read_as_it_was_written(tmp_path: Path) -> None:
    write_card(CARD, tmp_path)
    assert read_card(tmp_path) == CARD


def test_no_card_is_none(tmp_path: Path) -> None:
    assert read_card(tmp_path) is None


@pytest.mark.parametrize("text", ['{"name": "x"}', '{"seeds": [3]}', '{"seeds": [{"seed": 1}]}'])
def test_a_damaged_card_is_told_with_its_mend(text: str, tmp_path: Path) -> None:
    card_path(tmp_path).write_text(text)
    with pytest.raises(RunError, match=r"compact\.json: expected a card with name, config.*; install the program"):
        read_card(tmp_path)
