"""The schema: examples of sections, inherited settings of parameter groups, another dataset."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

import pytest

from cifar_cli.config import Experiment, load_text
from cifar_cli.config.schema import on_dataset
from cifar_cli.config.sections import GROUP
from cifar_cli.errors import ConfigError
from cifar_cli.optim.table import OPTIMIZERS

MLP = "model: {name: mlp}\n"


def refusals(text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_text(text, location="x.yaml")
    return list(caught.value.issues)


def test_the_example_of_every_section_loads() -> None:
    for name, field in Experiment.model_fields.items():
        assert field.examples is not None
        load_text(MLP, location="x", overrides=[f"{name}={field.examples[0]}"])


GROUPED = MLP + "optimizer: {name: sgd, lr: 0.1, momentum: 0.9, groups: [%s]}\n"


def test_a_group_inherits_the_sections_settings_if_it_has_the_same_optimizer() -> None:
    groups = "{parameters: [a], momentum: 0.5}, {parameters: [b], name: muon}, {parameters: [c], name: null}"
    same, other, third = load_text(GROUPED % groups, location="x.yaml").optimizer.groups
    assert same == GROUP.keys_of("sgd")(parameters=("a",), lr=0.1, momentum=0.5)
    assert other == GROUP.keys_of("muon")(parameters=("b",))
    assert third == GROUP.keys_of("sgd")(parameters=("c",), lr=0.1, momentum=0.9)


@pytest.mark.parametrize(
    ("group", "at", "message"),
    [
        ("{lr: 1}", "{lr", "optimizer.groups.0.parameters: expected a list of parameter names, in which * stands for anything, found nothing; write for example parameters: [\"*.bias\"]"),
        ("{parameters: [a], lr: fast}", "fast", "optimizer.groups.0.lr: expected a number above 0, found 'fast'; write for example 0.01"),
        ("{parameters: [a], momentun: 1}", "momentun", "optimizer.groups.0.momentun: sgd has no such key; did you mean 'momentum'?"),
        ("{parameters: [a], name: muom}", "muom", f"optimizer.groups.0.name: expected one of {', '.join(OPTIMIZERS)}, found 'muom'; did you mean 'muon'?"),
        ("{parameters: [a], nesterov: true, momentum: 0}", "true", "optimizer.groups.0.nesterov: expected a momentum above 0 with nesterov: true, found 0; write for example momentum: 0.9"),
        ("{parameters: [a], epochs: 11}", "11", "optimizer.groups.0.epochs: expected at most the 10 epochs of train.epochs, found 11; leave it out to train the group to the end"),
        ("{parameters: [a], epochs: 0}", "0}", "optimizer.groups.0.epochs: expected a number of epochs above 0, or null for all of the training, found 0; write for example 3"),
        ("{parameters: [a], name: muon, newton_schulz_steps: 50}", "50", "optimizer.groups.0.newton_schulz_steps: expected a whole number from 1 to 20, found 50; write for example 3"),
        ("3", "3", "optimizer.groups.0: expected a list of groups, each with its parameters, found 3; write for example [{name: sgd, parameters: [\"*.bias\"], lr: 0.1}]"),
    ],
)  # fmt: skip
def test_a_mistake_in_a_group_is_reported_with_its_location(group: str, at: str, message: str) -> None:
    (issue,) = refusals(GROUPED % group)
    column = (GROUPED % group).splitlines()[1].rindex(at) + 1
    assert issue == f"x.yaml:2:{column}: {message}"


def test_a_mistake_that_a_group_inherits_is_reported_once() -> None:
    text = MLP + "optimizer: {nesterov: true, groups: [{parameters: [a]}]}\n"
    assert [issue.split(": ")[1] for issue in refusals(text)] == ["optimizer.nesterov"]


def test_a_group_of_the_same_optimizer_takes_its_settings_but_not_the_layer_decay_which_all_have() -> None:
    text = MLP + "optimizer: {lr: 0.3, layer_decay: 0.5, groups: [{parameters: [a]}]}\n"
    optimizer = load_text(text, location="x.yaml").optimizer
    assert optimizer.groups[0].lr == 0.3
    assert "layer_decay" not in optimizer.model_dump()["groups"][0]


def test_another_dataset_keeps_the_keys_that_all_datasets_have() -> None:
    data = load_text(MLP + "data: {batch_size: 32, val_size: 7, fallback: synthetic}\n", location="x.yaml").data
    other = on_dataset(data, "fashion_mnist", fallback=None)
    assert (other.name, other.image_shape) == ("fashion_mnist", (1, 28, 28))
    assert dict(other) == {**dict(data), "name": "fashion_mnist", "fallback": None}
