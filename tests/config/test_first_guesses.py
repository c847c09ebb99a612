"""What people write who come from other programs or from Python: each guess is answered with the line to write."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

import pytest

from cifar_cli.config import load, load_text
from cifar_cli.config.first_guesses import full_key, layer_of_call, list_of_tuple
from cifar_cli.config.keys import dotted_keys
from cifar_cli.errors import ConfigError

MLP = "model: {name: mlp}\n"


def issues_of(text: str) -> tuple[str, ...]:
    with pytest.raises(ConfigError) as caught:
        load_text(text, location="x.yaml")
    return caught.value.issues


@pytest.mark.parametrize(
    ("word", "written"),
    [
        ("epochs=1", "train.epochs=1"),
        ("lr=0.1", "optimizer.lr=0.1"),
        ("learning_rate=0.1", "optimizer.lr=0.1"),
        ("batch_size=3", "data.batch_size=3"),
        ("device=cuda", "train.device=cuda"),
        ("trainepochs=3", "train.epochs=3"),
    ],
)
def test_a_key_without_its_section_is_told_with_it(word: str, written: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load("mlp", [word])
    (issue,) = caught.value.issues
    assert issue.endswith(f"; write {written}")
    key, _, value = written.partition("=")
    assert key in dotted_keys()
    if key != "train.device":
        load("mlp", [f"{key}={value}", "schedule.warmup_epochs=0"])


def test_a_word_that_is_no_key_or_that_of_many_sections_means_none() -> None:
    assert full_key("nothing_like_it") is None
    assert full_key("name") is None  # each section has one


@pytest.mark.parametrize(
    ("key", "program"), [("class_path", "PyTorch Lightning"), ("defaults", "hydra"), ("_target_", "hydra")]
)
def test_files_of_other_programs_are_recognized(key: str, program: str) -> None:
    (issue,) = issues_of(f"{MLP}{key}: x.Y\n")
    assert issue.startswith(f"x.yaml:2:1: {key}: belongs to a configuration of {program}, which names classes; ")
    assert issue.endswith("; begin with an example: cifar config copy sequential mine.yaml")


@pytest.mark.parametrize(
    ("call", "written"),
    [
        ("Conv2d(3, 32, 5, padding=2)", "{type: Conv2d, out_channels: 32, kernel_size: 5, padding: 2}"),
        ("torch.nn.Conv2d(3, 32, kernel_size=(5, 5))", "{type: Conv2d, out_channels: 32, kernel_size: [5, 5]}"),
        ("nn.MaxPool2d(2)", "{type: MaxPool2d, kernel_size: 2}"),
        ("nn.ReLU()", "ReLU"),
        ("nn.ReLU", "ReLU"),
        ("nn.Linear(10)", "{type: Linear, out_features: …}"),
        ("nn.Linear(hidden, 10)", "{type: Linear, …}"),
        ("ReLU", None),
        ("nn.Nothing(3)", None),
        ("Conv2d(3", None),
    ],
)
def test_a_layer_in_python_is_written_in_yaml(call: str, written: str | None) -> None:
    assert layer_of_call(call) == written


def test_the_layer_that_is_proposed_for_a_call_is_accepted() -> None:
    layers = "model: {{layers: [conv1: {}, flatten: Flatten, fc: {{type: Linear, out_features: 10}}]}}\n"
    (issue,) = issues_of(layers.format('"Conv2d(3, 32, 5, padding=2)"'))
    finding, _, mend = issue.partition("; write conv1: ")
    assert finding == (
        "x.yaml:1:25: model.layers.conv1: expected a layer in YAML, found Python's 'Conv2d(3, 32, 5, padding=2)'"
    )
    assert load_text(layers.format(mend), location="x.yaml").model.listed_layers is not None


@pytest.mark.parametrize(
    ("value", "mend"),
    [
        ("(5, 5)", "[5, 5]"),
        ("(5,)", "[5]"),
        ("(5", "a list in square brackets, such as [5, 5]"),
        ("5", None),
        (5, None),
    ],
)
def test_pythons_tuples_become_lists(value: object, mend: str | None) -> None:
    assert list_of_tuple(value) == mend


@pytest.mark.parametrize(
    ("text", "place", "finding"),
    [
        ("train：\n  epochs: 3\n", "1:6", "a full-width colon, '：', which YAML does not take for ':'; write ':'"),
        ("train: {epochs: 3， seed: 1}\n", "1:18", "a full-width comma, '，', which YAML does not take for ','; write ','"),
        ("train:\n  epochs:\u00a03\n", "2:10", "a no-break space, U+00A0, which YAML does not take for a plain space; write"),
        ("train:\n  epo\u200bchs: 3\n", "2:6", "a zero-width space, U+200B, which YAML does not take for nothing; write"),
        ("optimizer: {lr: −0.1}\n", "1:17", "a minus sign of typesetting, '−', which YAML does not take for '-'; write '-'"),
        ("name: “x”\n", "1:7", "a curly quote, '“', which YAML does not take for '\"'; write '\"'"),
    ],
)  # fmt: skip
def test_characters_that_only_look_right_are_named_first(text: str, place: str, finding: str) -> None:
    first, *others = issues_of(text + ("" if text.startswith("train：") else MLP))
    assert first.startswith(f"x.yaml:{place}: found {finding}")
    assert others


def test_such_characters_are_fine_in_comments_and_in_a_configuration_without_mistakes() -> None:
    text = "# “quoted”：a comment\n" + MLP + "log: {dir: runs’}  # it’s\n"
    assert load_text(text, location="x.yaml").log.dir == "runs’"
    assert issues_of(text + "seed: x\n") == (
        "x.yaml:3:16: found a curly quote, '’', which YAML does not take for '''; write '''",
        "x.yaml:4:7: seed: expected a whole number, 0 or more and below 2**63, found 'x'; write for example 0",
    )


def test_a_word_of_the_command_line_with_such_a_character_is_told_so() -> None:
    with pytest.raises(ConfigError) as caught:
        load("mlp", ["optimizer.lr=−0.1"])
    assert caught.value.issues[0].startswith("command line: found a minus sign of typesetting, '−', ")
