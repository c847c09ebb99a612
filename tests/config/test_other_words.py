"""The words of PyTorch, Lightning and timm: each leads to a key, a name or an option that exists."""

import pytest

from cifar_cli.config.keys import dotted_keys
from cifar_cli.config.other_words import (
    ACCUMULATION_KEYS,
    KEYS,
    NAMES,
    OPTIONS,
    is_accumulation,
    key_called,
    name_called,
    option_called,
)
from cifar_cli.config.schema import CHOICES


def test_every_word_for_a_key_leads_to_a_key_that_exists() -> None:
    assert set(KEYS.values()) <= set(dotted_keys())
    assert not set(KEYS) & {key.rpartition(".")[2] for key in dotted_keys()}


@pytest.mark.parametrize("override", sorted(set(NAMES.values())))
def test_every_word_for_a_name_leads_to_an_entry_of_its_table(override: str) -> None:
    section, _, name = override.partition(".name=")
    assert name in CHOICES[section].table


@pytest.mark.parametrize("word", ["early_stopping", "EarlyStopping", "early-stopping"])
def test_words_are_compared_without_case_dashes_and_underscores(word: str) -> None:
    assert key_called(word) == "train.patience"


def test_other_words_mean_nothing() -> None:
    assert [it("nothing_like_it") for it in (key_called, name_called, option_called)] == [None, None, None]
    assert not is_accumulation("nothing_like_it")
    assert all(is_accumulation(word) for word in ACCUMULATION_KEYS)
    assert all(command.startswith("cifar train --") for command in OPTIONS.values())
