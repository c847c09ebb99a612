"""What is said of experiments that are valid: no class scores, or something that looks like a slip."""

import pytest

from cifar_cli.config import class_scores_problem, load, load_text, warnings
from cifar_cli.config.facts import DATASET_FACTS


def scores_problem(layers: str, dataset: str = "cifar10") -> str | None:
    text = f"data: {{name: {dataset}}}\nmodel: {{layers: [{layers}]}}"
    return class_scores_problem(load_text(text, place="x.yaml"))


def test_a_model_that_ends_in_an_image_is_told_what_to_add() -> None:
    assert class_scores_problem(load("layers/conv1")) == (
        "model.layers: expected one score for each of the 10 classes of cifar10 at the end, found 6×30×30 = 5400 "
        "numbers from conv1; add `- flatten: Flatten` and `- fc: {type: Linear, out_features: 10}`"
    )


def test_a_model_that_ends_in_a_row_needs_only_a_linear_layer_with_a_name_of_its_own() -> None:
    problem = scores_problem("flatten: Flatten, fc: {type: Linear, out_features: 8}, relu: ReLU", "cifar100")
    assert problem == (
        "model.layers: expected one score for each of the 100 classes of cifar100 at the end, found 8 = 8 numbers "
        "from relu; add `- fc2: {type: Linear, out_features: 100}`"
    )


def test_a_linear_layer_with_the_wrong_number_is_named() -> None:
    problem = scores_problem("flatten: Flatten, fc: {type: Linear, out_features: 8}")
    assert problem is not None
    assert problem.endswith("add another layer, or write out_features: 10 in fc")


@pytest.mark.parametrize("dataset", DATASET_FACTS)
def test_a_score_for_every_class_is_no_problem(dataset: str) -> None:
    classes = DATASET_FACTS[dataset].num_classes
    assert scores_problem(f"flatten: Flatten, fc: {{type: Linear, out_features: {classes}}}", dataset) is None


def test_the_other_models_always_end_in_class_scores() -> None:
    assert class_scores_problem(load_text("model: {name: cnn}", place="x.yaml")) is None


@pytest.mark.parametrize("kind", ["Softmax", "LogSoftmax", "Softmin"])
def test_a_softmax_before_cross_entropy_is_warned_of(kind: str) -> None:
    layers = f"flatten: Flatten, fc: {{type: Linear, out_features: 10}}, last: {kind}"
    assert warnings(load_text(f"model: {{layers: [{layers}]}}", place="x.yaml")) == [
        f"model.layers.last: the loss cross_entropy takes the softmax itself; {kind} before it slows training down: "
        "leave it out"
    ]


def test_usual_models_are_not_warned_of() -> None:
    assert warnings(load("sequential")) == []
    assert warnings(load_text("model: {name: mlp}", place="x.yaml")) == []
