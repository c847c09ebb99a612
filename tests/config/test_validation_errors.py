"""The errors of single keys: every key has an expectation and a valid example, and renamed keys name the new key."""

import pytest
from pydantic import BaseModel

from cifar_cli.config import Experiment, load_text
from cifar_cli.config.keys import dotted_keys
from cifar_cli.config.schema import CHOICES, RENAMED_KEYS
from cifar_cli.config.sections import GROUP
from cifar_cli.config.validation_errors import expectation
from cifar_cli.data.transforms.table import AUGMENT
from cifar_cli.errors import ConfigError

MLP = "model: {name: mlp}\n"


def refusals(text: str, *overrides: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_text(text, location="x.yaml", overrides=overrides)
    return caught.value.issues


CHOSEN = [section for choice in (*CHOICES.values(), GROUP) for section in choice.sections().values()]
NOT_VALIDATED_ALONE = {*CHOICES, "layers", "groups", "augment", "train", "log"}
PLAIN = [Experiment, *(Experiment.model_fields[name].annotation for name in ("init", "train", "evaluation", "log"))]


@pytest.mark.parametrize("section", [*PLAIN, *CHOSEN, AUGMENT.section()], ids=lambda section: section.__name__)
def test_every_key_says_what_is_expected_and_gives_an_example_that_is_accepted(section: type[BaseModel]) -> None:
    for name, field in section.model_fields.items():
        if section in CHOSEN and name == "name":
            continue  # the names of a table's entries are listed instead
        expected, example = expectation(field)
        assert expected
        if name not in NOT_VALIDATED_ALONE:
            value = tuple(example) if isinstance(example, list) else example
            section.__pydantic_validator__.validate_assignment(section.model_construct(), name, value)


@pytest.mark.parametrize(("old", "new"), RENAMED_KEYS.items())
def test_a_renamed_key_gives_an_error_with_its_new_name_in_a_file_and_on_the_command_line(old: str, new: str) -> None:
    section, _, key = old.partition(".")
    in_file = f"{old}: is called {new} now; write {new.rpartition('.')[2]}"
    assert refusals(MLP + f"{section}: {{{key}: 1}}\n") == (f"x.yaml:2:{len(section) + 4}: {in_file}",)
    assert refusals(MLP, f"{old}=1") == (f"command line: {old}: is called {new} now; write {new}",)


def test_the_keys_of_earlier_versions_are_known_as_renamed() -> None:
    renamed = {
        "data.hardest": "data.hard_example_fractions",
        "evaluation.views": "evaluation.tta",
        "evaluation.unsure_share": "evaluation.tta_fraction",
        "init.unit_deviation": "init.unit_std",
    }
    assert renamed.items() <= RENAMED_KEYS.items()


@pytest.mark.parametrize("new", RENAMED_KEYS.values())
def test_the_new_name_of_a_renamed_key_exists(new: str) -> None:
    assert new in dotted_keys()


@pytest.mark.parametrize(
    ("word", "mend"),
    [
        ("epochs=1", "write train.epochs=1"),
        ("lr=0.1", "write optimizer.lr=0.1"),
        ("train.lr=0.1", "write optimizer.lr=0.1"),
        ("translate=2", "write data.augment.translate=2"),
        ("stride=3", "the keys here are name, seed, "),  # a key of layers
    ],
)
def test_a_key_of_another_section_is_named_with_its_section_on_the_command_line(word: str, mend: str) -> None:
    (refusal,) = refusals(
        "model: {name: sequential, layers: [{flatten: Flatten}, {fc: {type: Linear, out_features: 10}}]}", word
    )
    assert refusal.startswith(f"command line: {word.partition('=')[0]}: unknown key")
    assert f"; {mend}" in refusal


def test_a_key_of_another_section_is_named_with_its_section_in_a_file() -> None:
    assert refusals(f"{MLP}epochs: 3\ntrain: {{lr: 0.1}}\ndata: {{flip: random}}\n") == (
        "x.yaml:2:1: epochs: unknown key here; write train: {epochs: 3}",
        "x.yaml:3:9: train.lr: unknown key here; write optimizer: {lr: 0.1}",
        "x.yaml:4:8: data.flip: unknown key here; write data: {augment: {flip: random}}",
    )
