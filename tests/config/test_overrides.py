"""`key=value` words: the keys that they set, and the errors of wrong words."""

# ruff: noqa: E501 - a message stands on one line, as people meet it

from pathlib import Path

import pytest

from cifar_cli.config import Experiment, dump, load_text
from cifar_cli.config.schema import CHOICES
from cifar_cli.errors import ConfigError
from cifar_cli.models.table import SequentialKeys

TEXT = """\
name: small
model:
  layers:
    - conv1: {type: Conv2d, out_channels: 4, kernel_size: 3}
    - relu1: ReLU
    - flatten: Flatten
    - fc1: {type: Linear, out_features: 10}
optimizer: {name: sgd, lr: 0.1, momentum: 0.9}
train:
"""


def experiment(*overrides: str) -> Experiment:
    return load_text(TEXT, location="x.yaml", overrides=overrides)


def sequential(*overrides: str) -> SequentialKeys:
    model = experiment(*overrides).model
    assert isinstance(model, SequentialKeys)
    return model


def refusals(*overrides: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        experiment(*overrides)
    return list(caught.value.issues)


def test_an_override_replaces_the_files_value_and_the_last_override_wins() -> None:
    changed = experiment("optimizer.lr=1e-3", "optimizer.lr=2e-3", "seed=7")
    assert changed.optimizer.name == "sgd"
    assert (changed.optimizer.lr, changed.optimizer.momentum, changed.seed) == (0.002, 0.9, 7)


def test_only_the_first_equals_sign_splits() -> None:
    assert experiment("data.root=/a=b").data.root == "/a=b"


def test_absent_and_empty_sections_are_made() -> None:
    changed = experiment("train.epochs=3", "data.augment.flip=random", "log.feature_layers=[conv1]")
    assert (changed.train.epochs, changed.data.augment["flip"], changed.log.feature_layers) == (3, "random", ("conv1",))


def test_nothing_after_the_equals_sign_is_null() -> None:
    assert experiment("data.root=").data.root is None


def test_a_section_is_replaced_as_a_whole() -> None:
    assert experiment("optimizer={name: adam, lr: 1e-3}").optimizer == CHOICES["optimizer"].keys_of("adam")(lr=0.001)


def test_layers_are_found_by_name_and_by_number() -> None:
    by_name = sequential("model.layers.conv1.out_channels=6")
    assert by_name.layers[0].arguments["out_channels"] == 6
    assert by_name == sequential("model.layers.0.out_channels=6")
    # The numbers that follow from it follow.
    assert by_name.layers[3].arguments["in_features"] == 6 * 30 * 30


def test_a_layer_without_arguments_can_get_an_argument_and_be_replaced() -> None:
    assert sequential("model.layers.relu1.inplace=true").layers[1].arguments == {"inplace": True}
    assert sequential("model.layers.relu1=Tanh").layers[1].type == "Tanh"
    assert sequential("model.layers.1=Tanh").layers[1].type == "Tanh"


def test_items_of_lists_are_set_by_number() -> None:
    assert experiment("model={name: mlp, hidden: [3, 4]}", "model.hidden.1=5").model.hidden == (3, 5)


@pytest.mark.parametrize("text", ["2024", "1e3", "null", "true", "~", "no", "0x1F"])
def test_a_key_that_holds_text_takes_what_is_typed(text: str) -> None:
    if text != "~":  # no name of a run
        assert experiment(f"name={text}").name == text
    assert experiment(f"log.dir={text}").log.dir == text


@pytest.mark.parametrize(
    "text", ["a #b", "a: b", "[old] runs", "{x}", "*all", "!now", "a'b", "'", "it's 'so'", "&a %b"]
)
def test_text_with_signs_of_yaml_is_taken_as_typed(text: str) -> None:
    changed = experiment(f"log.dir={text}", f"data.root={text}")
    assert (changed.log.dir, changed.data.root) == (text, text)
    assert load_text(dump(changed), location="copy.yaml") == changed


def test_quotes_around_the_whole_text_are_taken_away_as_in_a_file() -> None:
    assert experiment("name='2024'", 'log.dir="a b"', "data.root='null'").name == "2024"
    assert experiment("data.root='null'").data.root == "null"
    assert experiment('log.dir="a b"').log.dir == "a b"


@pytest.mark.parametrize("text", ["", "null", "~"])
def test_text_that_may_be_absent_can_be_set_to_null(text: str) -> None:
    assert experiment("data.root=here", f"data.root={text}").data.root is None


EXAMPLE = "write for example optimizer.lr=0.05"


@pytest.mark.parametrize(
    ("word", "words"),
    [
        ("optimizer.lr", f"command line: expected key=value, found 'optimizer.lr'; {EXAMPLE}"),
        ("=3", f"command line: expected a key before the '=', its parts joined by '.', found '=3'; {EXAMPLE}"),
        ("a..b=3", f"command line: expected a key before the '=', its parts joined by '.', found 'a..b=3'; {EXAMPLE}"),
        ("optimizer.lr=fast", "command line: optimizer.lr: expected a number above 0, found 'fast'; write for example 0.01"),
        ("optimizer.lrr=1", "command line: optimizer.lrr: sgd has no such key; did you mean 'lr'?"),
        ("optimzer.lr=1", "command line: optimzer: unknown key; did you mean 'optimizer'?"),
        ("seed.x=1", "command line: seed: expected a whole number, 0 or more and below 2**63, found {x: 1}; write for example 0"),
        ("name.x=1", "command line: name.x: name holds no keys, it is 'small'"),
        ("model.layers.con1.bias=false", "command line: model.layers.con1.bias: no layer is named 'con1'; did you mean 'conv1'?"),
        ("model.layers.xyz.bias=false", "command line: model.layers.xyz.bias: no layer is named 'xyz'; the layers are conv1, relu1, flatten, fc1"),
        ("model.layers.4=ReLU", "command line: model.layers.4: expected a number below 4, the length of the list, found 4"),
        ("model.layers.conv1.kernel=3", "command line: model.layers.conv1.kernel: Conv2d has no such argument; did you mean 'kernel_size'?"),
        ("name=", "command line: name: expected 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit, found ''; write for example experiment"),
        ("name=a #b", "command line: name: expected 1 to 64 letters, digits, '.', '_' or '-', beginning with a letter or digit, found 'a #b'; write for example experiment"),
        ("log.dir=", "command line: log.dir: expected a folder, found ''; write for example logs"),
        ("log.dir=a\nb", "command line: log.dir: the control character '\\n' is not read; take it away"),
        ("train.freeze=[1]", "command line: train.freeze.0: expected text, found 1; write '1' in quotes, and double quotes around the whole word"),
        ("seed=[", "command line: seed: not valid YAML: a bracket that is not closed; write its other half"),
        ("seed=!!int 3", "command line: seed: the tag '!!int' is not read; leave it out"),
        ("optimizer={lr: 1, lr: 2}", "command line: optimizer.lr: the key is given twice; keep one of the two"),
        (
            "optimizer.name=adam",
            "x.yaml:8:33: optimizer.momentum: adam, chosen by optimizer.name on the command line, has no such key; "
            "replace the whole section: 'optimizer={name: adam}'",
        ),
        (
            "model.name=mlp",
            "x.yaml:3:3: model.layers: mlp, chosen by model.name on the command line, has no such key; "
            "replace the whole section: 'model={name: mlp}'",
        ),
    ],
)  # fmt: skip
def test_a_wrong_override_is_reported_with_the_command_line_as_its_location(word: str, words: str) -> None:
    assert refusals(word) == [words]


def test_an_item_of_another_list_must_be_a_number() -> None:
    words = "command line: log.feature_layers.conv1: expected the number of an item of the list, from 0, found 'conv1'"
    assert refusals("log.feature_layers=[conv1]", "log.feature_layers.conv1=relu1") == [words]


def test_mistakes_of_the_file_and_of_the_overrides_are_reported_together(tmp_path: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text("seed: -1\nmodel: {name: mlp}\n", location="x.yaml", overrides=["train.epochs=0", "lr=3"])
    assert [issue.split(": ")[:2] for issue in caught.value.issues] == [
        ["x.yaml:1:7", "seed"],
        ["command line", "train.epochs"],
        ["command line", "lr"],
    ]


def test_an_item_of_an_empty_list_is_one_mistake_with_its_mend() -> None:
    finding = "optimizer.groups has no item 0, it is empty; write all of it: optimizer.groups=[…]"
    assert refusals("optimizer.groups.0.lr=3") == [f"command line: optimizer.groups.0.lr: {finding}"]
