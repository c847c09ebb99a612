"""Valid experiments without class scores, and warnings of settings that look like mistakes."""

import re
import shlex

import pytest

from cifar_cli.config import Experiment, class_scores_issue, load, load_text, warnings
from cifar_cli.config.config_files import builtins
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.errors import ConfigError


def with_layers(layers: str, dataset: str) -> Experiment:
    # Without validation images: a dataset may have fewer images than the default val_size.
    text = f"data: {{name: {dataset}, val_size: 0}}\nmodel: {{layers: [{layers}]}}"
    return load_text(text, location="x.yaml")


def scores_issue(layers: str, dataset: str = "cifar10") -> str | None:
    return class_scores_issue(with_layers(layers, dataset))


def test_a_model_that_ends_in_an_image_gets_the_layers_to_add() -> None:
    assert class_scores_issue(load("layers/conv1")) == (
        "model.layers: expected one score for each of the 10 classes of cifar10 at the end, found 6×30×30 = 5400 "
        "numbers from conv1; add `- flatten: Flatten` and `- fc: {type: Linear, out_features: 10}`"
    )


def test_a_model_that_ends_in_a_row_needs_only_a_linear_layer_with_an_unused_name() -> None:
    issue = scores_issue("flatten: Flatten, fc: {type: Linear, out_features: 8}, relu: ReLU", "cifar100")
    assert issue == (
        "model.layers: expected one score for each of the 100 classes of cifar100 at the end, found 8 = 8 numbers "
        "from relu; add `- fc2: {type: Linear, out_features: 100}`"
    )


def test_a_linear_layer_with_the_wrong_number_is_named() -> None:
    issue = scores_issue("flatten: Flatten, fc: {type: Linear, out_features: 8}")
    assert issue is not None
    assert issue.endswith("add another layer, or write out_features: 10 in fc")


@pytest.mark.parametrize("dataset", [name for name, entry in DATASETS.items() if not entry.is_own])
def test_a_score_for_every_class_is_no_problem(dataset: str) -> None:
    num_classes = DATASETS[dataset].num_classes
    assert scores_issue(f"flatten: Flatten, fc: {{type: Linear, out_features: {num_classes}}}", dataset) is None


def test_a_model_without_listed_layers_always_ends_in_class_scores() -> None:
    assert class_scores_issue(load_text("model: {name: cnn}", location="x.yaml")) is None


def warnings_of(last: str, dataset: str = "cifar10") -> list[str]:
    classes = DATASETS[dataset].num_classes
    layers = f"flatten: Flatten, fc: {{type: Linear, out_features: {classes}}}, {last}"
    return warnings(with_layers(layers, dataset))


def test_a_softmax_before_cross_entropy_gives_a_warning_with_the_lowest_possible_loss() -> None:
    assert warnings_of("last: Softmax") == [
        "model.layers.last: Softmax as the last layer keeps the class scores between 0 and 1, so that the loss "
        "cross_entropy, which takes the softmax itself, cannot fall below 1.46, where a guess has ln 10 = 2.30; "
        "training is slow: leave it out"
    ]


# −log(e¹ / (e¹ + 9·e⁰)) = 1.4612, −log(e¹ / (e¹ + 99·e⁰)) = 3.6222, −log(e¹ / (e¹ + 9·e⁻¹)) = 0.7967
@pytest.mark.parametrize(
    ("layer_type", "dataset", "floor"),
    [
        ("Softmin", "cifar10", "1.46"),
        ("Sigmoid", "cifar10", "1.46"),
        ("Sigmoid", "cifar100", "3.62"),
        ("Tanh", "cifar10", "0.80"),
        ("Softsign", "cifar10", "0.80"),
    ],
)
def test_a_last_layer_that_bounds_the_scores_gives_a_warning(layer_type: str, dataset: str, floor: str) -> None:
    (text,) = warnings_of(f"last: {layer_type}", dataset)
    assert text.startswith(f"model.layers.last: {layer_type} as the last layer keeps the class scores between ")
    assert f"cannot fall below {floor}, where a guess has ln " in text


def test_a_log_softmax_gives_the_warning_that_it_changes_nothing() -> None:
    assert warnings_of("last: LogSoftmax") == [
        "model.layers.last: the loss cross_entropy takes the LogSoftmax itself; a second one changes nothing: "
        "leave it out"
    ]


def test_a_relu_at_the_end_gives_a_warning() -> None:
    assert warnings_of("last: ReLU") == [
        "model.layers.last: ReLU as the last layer turns every negative class score into 0, and no gradient passes "
        "there: classes can die for good; cross_entropy takes scores of any sign: leave it out"
    ]


def test_layers_that_only_pass_scores_on_do_not_hide_the_softmax() -> None:
    (text,) = warnings_of("last: Softmax, drop: Dropout, same: Identity")
    assert text.startswith("model.layers.last: Softmax")


def test_usual_models_give_no_warning() -> None:
    assert warnings(load("sequential")) == []
    assert warnings(load_text("model: {name: mlp}", location="x.yaml")) == []


GREY = "{grayscale: 0.1, color_jitter: [0.4, 0.4, 0.2, 0.1]}"


def warnings_of_augment(augment: str, dataset: str) -> list[str]:
    return warnings(
        load_text(f"data: {{name: {dataset}, augment: {augment}}}\nmodel: {{name: cnn}}", location="x.yaml")
    )


def test_changes_of_colour_give_a_warning_for_grey_images_alone() -> None:
    assert warnings_of_augment(GREY, "fashion_mnist") == [
        "data.augment.color_jitter: the jitter of saturation and hue changes nothing in the grey images of "
        "fashion_mnist: leave it out",
        "data.augment.grayscale: it changes nothing in the grey images of fashion_mnist: leave it out",
    ]
    assert warnings_of_augment(GREY, "cifar10") == []
    assert warnings_of_augment("{color_jitter: [0.4, 0.4, 0, 0], auto_augment: true}", "fashion_mnist") == []


# The change on the command line that contradicts a built-in configuration, and the number of its contradictions.
CONTRADICTIONS = [
    ("mlp", "train.epochs=1"),
    *((name, "train.epochs=1") for name in builtins() if name.startswith("speedrun")),
    *((name, "data.name=fashion_mnist") for name in builtins() if name.startswith("speedrun")),
    ("speedrun94", "data.val_size=49990"),
    ("speedrun94", "model.name=mlp"),
    ("speedrun94", "optimizer.momentum=0"),
    ("sequential", "model={name: sequential, layers: [{flatten: Flatten}, {fc: {type: Linear, out_features: 10}}]}"),
]


@pytest.mark.parametrize(("name", "word"), CONTRADICTIONS)
def test_the_advice_about_a_builtin_is_a_word_for_the_command_line_that_mends_it(name: str, word: str) -> None:
    words, advised = [word], []
    for _ in range(4):  # a mend can uncover another contradiction
        try:
            load(name, words)
            break
        except ConfigError as error:
            for issue in error.issues:
                match = re.search(r"; write (.*) on the command line$", issue)
                assert match is not None, issue
                advised += shlex.split(match[1])
            words = [word, *advised]
    assert load(name, words)
    assert advised


def test_advice_without_a_word_names_the_copy_to_change() -> None:
    with pytest.raises(
        ConfigError, match="write in_channels: 1, or leave it out; do so in a copy, cifar config copy tuto"
    ):
        load("tutorial", ["data.name=fashion_mnist"])


@pytest.mark.parametrize(
    ("images", "fractions", "epochs", "smallest"),
    [
        (7, "[1, 0.5]", 2, 4),  # 3.5, a half to even, as in training
        (5, "[1, 0.5]", 2, 2),  # 2.5
        (10, "[1, 0.67, 0.61]", 3, 6),
        (10, "[1, 0.67, 0.61]", 2, 7),  # only the epochs that are trained count
        (10, "[1, 0.01]", 2, 1),
        (10, "[1, 0.5]", 1, 10),
        (10, "[]", 1, 10),
    ],
)
def test_a_batch_may_be_as_large_as_the_smallest_epoch(images: int, fractions: str, epochs: int, smallest: int) -> None:
    words = [f"data.val_size={50_000 - images}", f"data.hard_example_fractions={fractions}", f"train.epochs={epochs}"]
    words += ["data.drop_last=true", "schedule={name: constant}"]
    assert load("tutorial", [*words, f"data.batch_size={smallest}"]).data.batch_size == smallest
    with pytest.raises(ConfigError, match=f"expected at most the {smallest} training images"):
        load("tutorial", [*words, f"data.batch_size={smallest + 1}"])


@pytest.mark.parametrize(
    ("dataset", "key", "largest"),
    [
        ("cifar10", "translate", 16),
        ("fashion_mnist", "translate", 14),
        ("cifar10", "cutout", 32),
        ("fashion_mnist", "cutout", 28),
    ],
)
def test_an_augmentation_may_be_as_large_as_its_limit(dataset: str, key: str, largest: int) -> None:
    words = [f"data.name={dataset}", f"data.augment.{key}={largest}"]
    assert load("cnn", words).data.augment[key] == largest
    with pytest.raises(ConfigError, match=f"data.augment.{key}: expected at most .*, found {largest + 1}; "):
        load("cnn", [*words, f"data.augment.{key}={largest + 1}"])
