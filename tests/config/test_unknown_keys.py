"""A key or a name that is not known: what is meant stands in the message, and can be pasted."""

import shlex

import pytest

from cifar_cli.config import load, load_text
from cifar_cli.errors import ConfigError

MLP = "model: {name: mlp}\n"


def refusal(*words: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load("mlp", [*words])
    (issue,) = caught.value.issues
    return issue.removeprefix("command line: ")


@pytest.mark.parametrize(
    ("typed", "mend"),
    [
        ("early_stopping=5", "train.patience=5"),
        ("train.early_stopping=5", "train.patience=5"),
        ("early_stopping.patience=5", "train.patience=5"),
        ("train.early_stopping=true", "train.patience=10"),  # true says nothing about how many epochs
        ("optimizer.learning_rate=0.1", "optimizer.lr=0.1"),
        ("class_weight=balanced", "loss.class_weights=balanced"),
        ("loss.alpha=0.25", "loss.class_weights=balanced"),
        ("optimizer.llrd=0.9", "optimizer.layer_decay=0.9"),
        ("train.gradient_clip_val=1", "train.clip_grad_norm=1"),
        ("schedule.T_0=5", "'schedule={name: cosine_restarts, first_epochs: 5}'"),
        ("T_0=5", "'schedule={name: cosine_restarts, first_epochs: 5}'"),
        ("schedule.patience=3", "'schedule={name: plateau, patience: 3}'"),
        ("train.ema_decay=0.99", "'average={name: ema, decay: 0.99}'"),
        ("train.rho=0.1", "'sharpness={name: sam, rho: 0.1}'"),
        ("loss.gamma=2", "'loss={name: focal, gamma: 2}'"),
        ("sam=true", "sharpness.name=sam"),
        ("sharpness=sam", "sharpness.name=sam"),
        ("optimizer.name=sam", "sharpness.name=sam"),
        ("optimizer=sam", "sharpness.name=sam"),
        ("loss.focal=true", "loss.name=focal"),
        ("loss=focal", "loss.name=focal"),
        ("RandAugment=[2, 9]", "'data.augment.rand_augment=[2, 9]'"),
        ("data.randaugment=[2, 9]", "'data.augment.rand_augment=[2, 9]'"),
        ("augment.rand_augment=[2, 9]", "'data.augment.rand_augment=[2, 9]'"),
        ("augment={flip: random, translate: 2}", "data.augment.flip=random data.augment.translate=2"),
    ],
)
def test_the_mend_of_a_guess_is_the_word_to_type_and_is_accepted(typed: str, mend: str) -> None:
    assert refusal(typed).rpartition("; write ")[2] == mend
    load("mlp", shlex.split(mend))


@pytest.mark.parametrize(
    ("typed", "name"),
    [
        ("loss.name=FocalLoss", "focal"),
        ("schedule.name=ReduceLROnPlateau", "plateau"),
        ("schedule.name=CosineAnnealingLR", "cosine"),
        ("schedule.name=CosineAnnealingWarmRestarts", "cosine_restarts"),
        ("schedule.name=warmup_stable_decay", "wsd"),
        ("average.name=ModelEma", "ema"),
    ],
)
def test_the_class_of_another_program_leads_to_its_entry(typed: str, name: str) -> None:
    assert refusal(typed).endswith(f"; did you mean '{name}'?")


def test_in_a_file_the_mend_is_written_in_yaml() -> None:
    text = MLP + "loss: {gamma: 2}\ntrain: {early_stopping: {patience: 4}, sam: true}\n"
    with pytest.raises(ConfigError) as caught:
        load_text(text, location="x.yaml")
    assert caught.value.issues == (
        "x.yaml:2:8: loss.gamma: cross_entropy has no such key, but focal has; write loss: {name: focal, gamma: 2}",
        "x.yaml:3:9: train.early_stopping: unknown key here; write train: {patience: 4}",
        "x.yaml:3:40: train.sam: unknown key; write sharpness: {name: sam}",
    )


def test_a_key_that_several_names_have_is_told_with_them() -> None:
    assert refusal("average.decay=0.9") == (
        "average.decay: none has no such key, but ema and lookahead have; "
        "write average.name=ema or average.name=lookahead"
    )
    assert refusal("optimizer.betas=[0.9, 0.99]").startswith(
        "optimizer.betas: sgd has no such key, but adam and adamw have; the keys here are name, lr, "
    )


@pytest.mark.parametrize("word", ["lr_find", "train.auto_lr_find"])
def test_what_is_an_option_here_is_told_as_one(word: str) -> None:
    assert refusal(f"{word}=true") == f"{word}: no key of a configuration, but an option; write cifar train --find-lr"


def test_a_slip_in_a_key_without_its_section_is_told_with_the_section() -> None:
    assert refusal("label_smooting=0.1") == "label_smooting: unknown key; did you mean loss.label_smoothing?"


def test_the_name_of_a_section_is_never_taken_for_that_of_others() -> None:
    assert refusal("train.name=x").startswith("train.name: unknown key; the keys here are epochs, ")
