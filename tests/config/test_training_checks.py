"""Keys of the training that contradict each other or the images: the words of the mistakes and of the warnings."""

import pytest

from cifar_cli.config import load, load_text, warnings
from cifar_cli.errors import ConfigError


def mistakes(*words: str, name: str = "mlp") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load(name, words)
    return [issue.removeprefix("command line: ") for issue in caught.value.issues]


@pytest.mark.parametrize(
    ("word", "finding"),
    [
        (
            "loss.class_weights=[1, 2]",
            "expected a weight for each of the 10 classes of cifar10, found 2; write them all, ",
        ),
        (
            "loss.class_weights=[0,0,0,0,0,0,0,0,0,0]",
            "expected a weight above 0 for some class, found 0 for all; write ",
        ),
        (
            "loss.class_weights=[1e300,0,1,1,1,1,1,1,1,1]",
            "expected weights of 0 or from 1e-30 to 1e+30, which float32 can add up over all images, found 1e+300; "
            "divide all by the same number: only their ratios count",
        ),
        ("loss.class_weights=[1,0,1,1,1,1,1,1,1,1e-40]", "expected weights of 0 or from 1e-30 to 1e+30, which"),
    ],
)
def test_weights_that_do_not_fit_the_classes_are_a_mistake(word: str, finding: str) -> None:
    (mistake,) = mistakes(word)
    assert mistake.startswith(f"loss.class_weights: {finding}")


@pytest.mark.parametrize(("value", "found"), [("equal", "'equal'"), ("[1, -2]", "[1, -2]"), ("{cat: 2}", "{cat: 2}")])
def test_what_is_no_list_of_weights_is_told_once(value: str, found: str) -> None:
    assert mistakes(f"loss.class_weights={value}") == [
        f"loss.class_weights: expected balanced, a list with a number, 0 or more, for each class, or null for none, "
        f"found {found}; write for example balanced"
    ]


@pytest.mark.parametrize("value", ["null", "balanced", "[1, 2, 3, 4, 5, 6, 7, 8, 9, 0.5]"])
@pytest.mark.parametrize("name", ["cross_entropy", "focal"])
def test_both_losses_take_weights(name: str, value: str) -> None:
    assert warnings(load("mlp", [f"loss={{name: {name}, class_weights: {value}}}"])) == []


def test_parts_that_are_no_smaller_than_the_batch_are_warned_of() -> None:
    assert warnings(load("mlp", ["data.batch_size=64", "train.micro_batch_size=32"])) == []
    assert warnings(load("mlp", ["data.batch_size=64", "train.micro_batch_size=64"])) == [
        "train.micro_batch_size: 64 images are not fewer than data.batch_size, 64: every batch is computed whole"
    ]


@pytest.mark.parametrize(
    "word", ["accumulate_grad_batches=4", "train.gradient_accumulation_steps=4", "optimizer.accumulate=4"]
)
def test_the_words_of_other_programs_for_accumulation_get_the_same_step(word: str) -> None:
    key = word.partition("=")[0]
    assert mistakes("data.batch_size=50", word) == [
        f"{key}: unknown key; write data.batch_size=200 train.micro_batch_size=50: data.batch_size is all the images "
        f"of a step, computed train.micro_batch_size at a time"
    ]


@pytest.mark.parametrize(
    ("lines", "mend"),
    [
        (
            "data: {batch_size: 50}\ntrain: {accumulate_grad_batches: 4}\n",
            "batch_size: 200 in data and micro_batch_size: 50",
        ),
        ("train: {accumulate_grad_batches: 2}\n", "batch_size: 128 in data and micro_batch_size: 64 in train: "),
        (
            "train: {accumulate_grad_batches: often}\n",
            "write train.micro_batch_size: data.batch_size is all the images",
        ),
    ],
)
def test_in_a_file_they_get_the_lines_to_write(lines: str, mend: str) -> None:
    with pytest.raises(ConfigError) as caught:
        load_text(f"model: {{name: mlp}}\n{lines}", location="mine.yaml")
    (issue,) = caught.value.issues
    assert mend in issue
