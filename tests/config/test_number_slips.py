"""A number in another notation than YAML's is answered with the number to write."""

import pytest

from cifar_cli.config import load_text
from cifar_cli.errors import ConfigError

MLP = "model: {name: mlp}\n"


def refusal(text: str, *overrides: str) -> str:
    with pytest.raises(ConfigError) as caught:
        load_text(text, location="x.yaml", overrides=overrides)
    (issue,) = caught.value.issues
    return issue


@pytest.mark.parametrize(
    ("typed", "mended"),
    [
        ("optimizer.lr=0,05", "optimizer.lr=0.05"),
        ("optimizer.lr=0.05,", "optimizer.lr=0.05"),
        ("optimizer.lr='0.05'", "optimizer.lr=0.05"),
        ("optimizer.lr=5e-2,", "optimizer.lr=0.05"),
        ("optimizer.lr=5%", "optimizer.lr=0.05"),
        ("optimizer.lr=1/3", "optimizer.lr=0.333333"),
        ("train.epochs=1_000", "train.epochs=1000"),
        ("train.epochs=1,000", "train.epochs=1000"),
        ("train.epochs=2.0", "train.epochs=2"),
        ("train.epochs=1e3", "train.epochs=1000"),
    ],
)
def test_a_number_in_another_notation_is_answered_with_the_word_to_type_which_is_accepted(
    typed: str, mended: str
) -> None:
    assert refusal(MLP, typed).endswith(f"; write {mended}")
    load_text(MLP, location="x.yaml", overrides=[mended])


def test_in_a_file_the_answer_is_the_number_alone() -> None:
    assert refusal(MLP + "optimizer: {lr: '0,05'}").endswith("found '0,05'; write 0.05")


@pytest.mark.parametrize("typed", ["lr=-0,5", "lr=0,0,5", "lr=1/0", "lr=1e400,", "lr=fast", "lr=1e400"])
def test_what_means_no_number_that_the_key_takes_is_answered_with_an_example(typed: str) -> None:
    assert "; write for example " in refusal(MLP, f"optimizer.{typed}")


@pytest.mark.parametrize("typed", ["epochs=2.5", "epochs=1,5", "epochs=0.0"])
def test_no_fraction_is_offered_for_a_whole_number(typed: str) -> None:
    assert "; write for example " in refusal(MLP, f"train.{typed}")


@pytest.mark.parametrize("key", ["train", "init", "data.augment", "data.augment.flip", "log.feature_layers"])
def test_a_key_that_takes_no_number_keeps_its_own_answer(key: str) -> None:
    assert f"{key}: expected" in refusal(MLP, f"{key}=5%")
