"""The key reference: the file is what the schema and the comments of the configuration page give."""

import pytest

from cifar_cli.config.key_reference import PAGE, commented_keys, current_key_reference, key_reference
from cifar_cli.config.schema import CHOICES


def test_the_page_of_keys_is_up_to_date() -> None:
    written = PAGE.with_name("keys.md").read_text(encoding="utf-8")
    assert written.rstrip() == current_key_reference().rstrip(), (
        "run: python -m cifar_cli.config.key_reference > cifar_cli/docs/keys.md"
    )


def test_a_key_has_its_meaning_what_is_expected_and_its_default() -> None:
    lines = current_key_reference().splitlines()
    assert (
        "| `train.clip_grad_norm` | the largest norm of all gradients together; larger ones are scaled down "
        "| a number above 0, or null for none | `null` |"
    ) in lines
    (layers,) = [line for line in lines if line.startswith("| `model.layers` |")]
    assert layers.endswith("| none: has to be given |")


def test_every_kind_has_a_chapter() -> None:
    titles = {line.removeprefix("## ") for line in current_key_reference().splitlines() if line.startswith("## ")}
    assert titles >= {
        f"{section}: {{name: {kind}}}"
        for section, choice in CHOICES.items()
        for kind in choice.table
        if section != "data"  # one chapter for all datasets, which have no keys of their own
    }


def test_comments_are_read_with_their_paths_values_and_next_lines() -> None:
    page = """\
seed: 0                   # where chance begins
model:
  name: mlp               # which one
  # depth: [1, 2]         # another model's: how deep it is,
                          # in layers: two
  layers:                 # a list
    - conv1: {type: Conv2d}
train:                    # a section,
                          # explained
  epochs: 3
"""
    assert list(commented_keys(page)) == [
        ("seed", "0", "where chance begins"),
        ("model", None, ""),
        ("model.name", "mlp", "which one"),
        ("model.depth", "[1, 2]", "another model's: how deep it is, in layers: two"),
        ("model.layers", None, "a list"),
        ("train", None, "a section, explained"),
        ("train.epochs", "3", ""),
    ]


def test_a_key_without_a_comment_is_missed() -> None:
    meanings = {path: meaning for path, _, meaning in commented_keys(PAGE.read_text(encoding="utf-8"))}
    del meanings["train.epochs"]
    with pytest.raises(KeyError, match=r"train\.epochs"):
        key_reference(meanings)
