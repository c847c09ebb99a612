"""`cifar train --dry-run`: the plan is right, one batch is tried, and nothing is written."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any


def test_the_plan_names_data_steps_and_place_and_writes_nothing(cifar: Callable[..., Any], tmp_path: Path) -> None:
    before = sorted(tmp_path.rglob("*"))
    outcome = cifar("train", "--config", "small.yaml", "--dry-run", "train.epochs=3", "data.batch_size=64")
    assert outcome.code == 0, outcome.err
    facts = dict(re.findall(r"^(\w[\w ]*?)  +(\S.*?) *$", outcome.out.partition("┏")[0], flags=re.MULTILINE))
    assert facts["experiment"] == "small"
    assert facts["data"] == (
        "synthetic, drawn by this program: 500 images to train on, 100 for validation, 100 to test"
    )
    assert facts["training"] == "3 epochs of 8 steps with 64 images, 24 steps in all"  # 500 / 64, rounded up
    assert facts["optimizer"].startswith("sgd, lr 0.05, weight_decay 0.0")
    assert facts["schedule"].startswith("cosine, ")
    assert facts["would write"] == "logs/small-synthetic-<date>-<time>/"
    assert re.search(
        r"^one batch: loss 2\.\d{4}, [\d.e+]+ ms \(later batches are faster\)$", outcome.out, flags=re.MULTILINE
    )
    assert outcome.err.splitlines()[-1] == "next: cifar train --config small.yaml train.epochs=3 data.batch_size=64"
    assert sorted(tmp_path.rglob("*")) == before


def test_the_plan_describes_epochs_of_different_lengths(cifar: Callable[..., Any]) -> None:
    words = ["train.epochs=4", "data.batch_size=64", "data.hard_example_fractions=[1, 0.6, 0.5]"]
    plan = cifar("train", "--config", "small.yaml", "--dry-run", *words).out.partition("┏")[0]
    # 500, 300, 250 and 250 images in batches of 64, rounded up: 8, 5, 4 and 4 steps.
    assert re.search(
        r"^training +4 epochs of 4 to 8 steps with 64 images, 21 steps in all *$", plan, flags=re.MULTILINE
    )
    images = "from epoch 2 on only the hardest 60, 50 % of the images, and so on"
    words = f"{images}; training figures are of these images"
    assert re.search(rf"^ +{words} *$", plan, flags=re.MULTILINE)
    named = cifar(
        "train", "--config", "small.yaml", "--dry-run", "train.epochs=3", "data.hard_example_fractions=[1, 0.6, 0.5]"
    ).out
    assert "from epoch 2 on only the hardest 60, 50 % of the images; training figures" in named
    everything = cifar(
        "train", "--config", "small.yaml", "--dry-run", "train.epochs=2", "data.hard_example_fractions=[1, 1, 0.5]"
    ).out
    assert "hard_example_fractions" not in everything


def test_the_plan_has_a_row_for_each_group_of_parameters(cifar: Callable[..., Any]) -> None:
    words = ["optimizer={name: sgd, lr: 0.2, groups: [{parameters: [conv1.*, '*.bias'], lr: 0.1, epochs: 1}]}"]
    plan = cifar("train", "--config", "small.yaml", "--dry-run", *words).out.partition("┏")[0]
    assert re.search(r"^optimizer +sgd, lr 0\.2, ", plan, flags=re.MULTILINE)
    assert re.search(r"^  conv1\.\*, \*\.bias +sgd, epochs 1\.0, lr 0\.1, ", plan, flags=re.MULTILINE)
    assert "groups" not in plan


def test_the_plan_writes_settings_as_yaml_does_and_leaves_out_what_is_not_set(cifar: Callable[..., Any]) -> None:
    words = [
        "optimizer={name: sgd, lr: 0.2, nesterov: true, momentum: 0.9, groups: [{parameters: [conv1.*], lr: 0.1}]}"
    ]
    plan = cifar("train", "--config", "small.yaml", "--dry-run", *words).out.partition("┏")[0]
    assert "nesterov true" in plan
    assert "decay_norm_and_bias false" in plan
    assert "epochs" not in plan.partition("conv1.*")[2].partition("schedule")[0]  # the group has none of its own
    assert not re.search(r"True|False|None", plan)


def test_with_layer_decay_the_plan_has_the_learning_rate_of_each_layer(cifar: Callable[..., Any]) -> None:
    words = ["optimizer={name: sgd, lr: 0.2, layer_decay: 0.5, groups: [{parameters: ['*.bias'], lr: 0.4}]}"]
    out = cifar("train", "--config", "small.yaml", "--dry-run", *words, "train.freeze=[conv1.bias]").out
    _, _, rates = out.partition("learning rates by layer")
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in rates.splitlines() if "│" in line]
    # 8 · 3 · 3 · 3 weights without the frozen bias; then 8 · 8 · 8 · 10 + 10.
    assert rows == [["conv1", "216", "0.1"], ["fc1", "5,130", "0.2, 0.4"]]
    frozen = cifar("train", "--config", "small.yaml", "--dry-run", *words, "train.freeze=['conv1.*']").out
    assert re.search(r"│ conv1 +│ +0 │ +frozen │", frozen)
    assert "learning rates by layer" not in cifar("train", "--config", "small.yaml", "--dry-run").out


def test_the_table_has_every_layer_with_its_shape_and_parameters(cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--config", "small.yaml", "--dry-run")
    rows = [[cell.strip() for cell in line.strip("│").split("│")] for line in outcome.out.splitlines() if "│" in line]
    assert rows == [
        ["conv1", "Conv2d", "8 × 32 × 32", "224"],  # (3·3·3 + 1) · 8
        ["relu1", "ReLU", "8 × 32 × 32", "0"],
        ["pool1", "MaxPool2d", "8 × 8 × 8", "0"],
        ["flatten", "Flatten", "512", "0"],
        ["dropout", "Dropout", "512", "0"],
        ["fc1", "Linear", "10", "5,130"],  # (512 + 1) · 10
        ["total", "", "", "5,354"],
    ]


def test_nested_networks_are_listed_by_their_innermost_layers(cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--config", "cnn", "--dry-run", "data.name=synthetic", "data.val_size=0")
    assert "none held out for validation" in outcome.out
    assert re.search(r"│ blocks\.2\.conv2 +│ Conv2d +│ 128 × 4 × 4 +│ +147,456 │", outcome.out)  # 3·3·128·128


def test_a_misspelt_layer_is_found_before_training(cifar: Callable[..., Any]) -> None:
    words = ["data.name=synthetic", "data.val_size=0", "log.feature_layers=[fc9]"]
    outcome = cifar("train", "--config", "cnn", "--dry-run", *words)
    assert outcome.code == 2
    assert "no layer 'fc9'; did you mean 'fc'?" in outcome.err


def test_a_network_whose_weights_are_all_frozen_is_not_trained(cifar: Callable[..., Any]) -> None:
    outcome = cifar("train", "--config", "small.yaml", "--dry-run", 'train.freeze=["*"]')
    assert (outcome.code, outcome.err.splitlines()[-1]) == (
        2,
        # conv1: 8·(3·9 + 1) = 224; fc1: 10·(8·8·8 + 1) = 5,130
        "error: train.freeze: expected weights left to train, found all 5,354 frozen; take a layer out of it",
    )


def test_a_network_without_weights_is_not_trained(cifar: Callable[..., Any], tmp_path: Path) -> None:
    (tmp_path / "weightless.yaml").write_text(
        "data: {name: synthetic, val_size: 0}\n"
        "model:\n"
        "  layers:\n"
        "    - flatten: Flatten\n"
        "    - map: {type: Unflatten, dim: 1, unflattened_size: [1, 32, 96]}\n"
        "    - pool: {type: AdaptiveAvgPool2d, output_size: [2, 5]}\n"
        "    - scores: Flatten\n"
    )
    outcome = cifar("train", "--config", "weightless.yaml", "--dry-run")
    assert (outcome.code, outcome.err.splitlines()[-1]) == (
        2,
        "error: model: expected weights to train, found none; add a layer that has some, such as Linear",
    )


def test_a_likely_mistake_gets_a_warning(cifar: Callable[..., Any], tmp_path: Path) -> None:
    small = (tmp_path / "small.yaml").read_text()
    (tmp_path / "softmax.yaml").write_text(small.replace("optimizer:", "    - last: Softmax\noptimizer:"))
    outcome = cifar("train", "--config", "softmax.yaml", "--dry-run")
    assert outcome.code == 0
    assert outcome.err.startswith("warning: model.layers.last: Softmax as the last layer keeps the class scores ")


def test_one_image_one_epoch_and_one_step_are_singular(cifar: Callable[..., Any]) -> None:
    words = ["train.epochs=1", "schedule.warmup_epochs=0", "data.batch_size=500"]
    plan = cifar("train", "--config", "small.yaml", "--dry-run", *words).out
    assert re.search(r"^training +1 epoch of 1 step with 500 images, 1 step in all *$", plan, flags=re.MULTILINE)
    plan = cifar("train", "--config", "small.yaml", "--dry-run", *words[:2], "data.batch_size=1").out
    assert re.search(r"^training +1 epoch of 500 steps with 1 image, 500 steps in all *$", plan, flags=re.MULTILINE)


def test_the_plan_tells_of_early_stopping_and_parts_and_tries_a_batch_in_parts(cifar: Callable[..., Any]) -> None:
    words = ["train.epochs=5", "train.patience=2", "train.micro_batch_size=20"]
    outcome = cifar("train", "--config", "small.yaml", "--dry-run", *words)
    assert outcome.code == 0, outcome.err
    plan = [line.strip() for line in outcome.out.partition("┏")[0].splitlines()]
    at = plan.index("stops early after 2 epochs without a better validation accuracy")
    assert plan[at + 1] == "each batch is computed in 3 parts of at most 20 images"
    whole = cifar("train", "--config", "small.yaml", "--dry-run", "model.layers.dropout.p=0")
    parts = cifar("train", "--config", "small.yaml", "--dry-run", "model.layers.dropout.p=0", *words)
    losses = [re.findall(r"one batch: loss ([\d.]+)", each.out) for each in (whole, parts)]
    assert losses[0] == losses[1] != []
