"""`cifar explain`: its tables, JSON and pages, and its messages about mistakes."""

import json
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch.nn import functional as F

from cifar_cli.config.config_files import builtins
from cifar_cli.data.datasets.open_dataset import Splits

TUTORIAL = [
    # layer, output, formula, parameters, FLOPs, receptive field, stride
    ("conv1", "32×32×32", "⌊(32 + 2·2 − 5)/1⌋ + 1 = 32", "2,432", "4.92 M", "5×5", "1"),
    ("pool1", "32×16×16", "⌊(32 + 2·0 − 2)/2⌋ + 1 = 16", "·", "·", "6×6", "2"),
    ("conv2", "32×16×16", "⌊(16 + 2·2 − 5)/1⌋ + 1 = 16", "25,632", "13.1 M", "14×14", "2"),
    ("flatten", "1024", "64·4·4 = 1024", "·", "·", "36×36", "8"),
    ("fc1", "64", "64 sums of 1024 products + bias", "65,600", "131 k", "all", "·"),
    ("all", "", "", "145,578", "24.7 M", "", ""),
]


def test_the_table_of_the_tutorials_network_has_the_right_numbers(cifar: Callable[..., Any]) -> None:
    outcome = cifar("explain", "tutorial")
    assert outcome.code == 0, outcome.err
    lines = {line.split()[0]: line for line in outcome.out.splitlines() if line.strip()}
    for name, *cells in TUTORIAL:
        assert all(cell in lines[name] for cell in cells), lines[name]
    assert all(len(line) <= 120 for line in outcome.out.splitlines())
    assert outcome.err.splitlines() == [
        "this is the untrained network of tutorial",
        "next: cifar explain --config tutorial --layer conv1",
    ]


def test_on_80_columns_the_formulas_have_a_table_of_their_own(
    cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cifar_cli.console.streams.WIDTH_WITHOUT_TERMINAL", 80)
    printed = cifar("explain", "cnn").out
    table, _, formulas = printed.partition("why it gives that")
    assert "⌊" not in table
    assert "⌊(32 + 2·1 − 3)/1⌋ + 1 = 32" in formulas
    # The first line is a sentence, which the terminal wraps.
    assert all(len(line) <= 80 for line in printed.splitlines()[1:])
    assert "blocks.2.conv1" in table  # not broken over lines


# Behind the attention between tokens, every number depends on the whole image, and no window is told.
WITH_TOKENS = {"gpu/cct_7_3x1"}


@pytest.mark.parametrize("name", builtins())
def test_every_configuration_can_be_explained(name: str, cifar: Callable[..., Any]) -> None:
    outcome = cifar("explain", name, "--json", "data.batch_size=4")
    assert outcome.code == 0, outcome.err
    if name not in WITH_TOKENS:
        assert all(layer["receptive_field"] is not None for layer in json.loads(outcome.out)["layers"])


def test_a_run_is_explained_as_json_and_as_a_page(run: Path, cifar: Callable[..., Any], tmp_path: Path) -> None:
    outcome = cifar("explain", "--json", "--html", "page.html")
    assert outcome.code == 0, outcome.err
    answer = json.loads(outcome.out)
    assert answer["network"] == f"run {run.name}, best weights (epoch {answer['epoch']})"
    assert answer["worked"] is None
    conv, relu, pool, flatten, dropout, fc = answer["layers"]
    assert (conv["name"], conv["kind"], conv["output_shape"]) == ("conv1", "Conv2d", [8, 32, 32])
    assert conv["flops"] == 2 * 27 * 8 * 32 * 32
    assert conv["activation_bytes"] == 8 * 32 * 32 * 4
    assert (pool["receptive_field"], pool["stride"]) == ([6, 6], [4, 4])
    assert fc["sees_all"]
    assert fc["stride"] is None
    assert answer["totals"]["parameters"] == 8 * 27 + 8 + 512 * 10 + 10
    assert answer["totals"]["parameters"] == sum(layer["parameters"] for layer in answer["layers"])
    assert sum(layer["time_share"] for layer in (conv, relu, pool, flatten, dropout, fc)) == pytest.approx(1)
    assert "⌊(32 + 2·1 − 3)/1⌋ + 1 = 32" in (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "wrote page.html" in outcome.err.splitlines()
    assert outcome.err.splitlines()[-1] == f"next: cifar explain logs/{run.name} --layer conv1"


def test_one_number_of_a_real_layer_is_torchs_convolution(
    run: Path, cifar: Callable[..., Any], small_splits: Splits
) -> None:
    outcome = cifar("explain", run.name, "--layer", "conv1", "--weights", "last", "--json")
    assert outcome.code == 0, outcome.err
    worked = json.loads(outcome.out)["worked"]
    assert small_splits.val is not None
    weights = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]
    mean, std = (torch.tensor(values).view(1, 3, 1, 1) for values in (small_splits.mean, small_splits.std))
    image = (small_splits.val.images[:1] / 255 - mean) / std
    output = F.conv2d(image, weights["conv1.weight"], weights["conv1.bias"], padding=1)[0]
    channel, row, column = worked["place"]
    assert worked["by_layer"] == pytest.approx(float(output[channel, row, column]), abs=1e-5)
    assert worked["by_hand"] == pytest.approx(worked["by_layer"], abs=1e-5)
    patch = torch.tensor(worked["grids"][0]["patch"])
    assert torch.allclose(patch, image[0, 0, row - 1 : row + 2, column - 1 : column + 2], atol=1e-6)
    printed = cifar("explain", run.name, "--layer", "conv1")
    assert printed.out.startswith(f"conv1: channel {channel}, row {row}, column {column} for the first validation")
    assert printed.err.splitlines()[-1] == f"next: cifar visualize-layer conv1 logs/{run.name}"


def test_without_a_run_the_default_network_is_explained_and_no_image_is_needed(cifar: Callable[..., Any]) -> None:
    outcome = cifar("explain")
    assert outcome.code == 0, outcome.err
    assert "this is the untrained network of sequential" in outcome.err.splitlines()


def test_frozen_weights_are_not_counted_as_trained(cifar: Callable[..., Any]) -> None:
    explanation = json.loads(cifar("explain", "small.yaml", "--json", "train.freeze=[conv1.weight]").out)
    assert explanation["totals"]["parameters"] - explanation["totals"]["trainable_parameters"] == 8 * 3 * 3 * 3


def test_the_next_command_names_the_same_weights(run: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("explain", "--weights", "last")
    assert outcome.err.splitlines()[-1] == f"next: cifar explain logs/{run.name} --weights last --layer conv1"


@pytest.mark.parametrize(("columns", "is_beside"), [(79, False), (140, True)])
def test_matrices_too_wide_for_the_terminal_are_printed_below_each_other(
    columns: int, is_beside: bool, run: Path, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cifar_cli.console.streams.WIDTH_WITHOUT_TERMINAL", columns)
    printed = cifar("explain", "small.yaml", "--layer", "conv1", "model.layers.conv1.kernel_size=5").out
    assert "…" not in printed
    assert any("patch" in line and "filter" in line for line in printed.splitlines()) == is_beside


def test_key_value_words_change_the_configuration(cifar: Callable[..., Any]) -> None:
    outcome = cifar("explain", "layers/maxpool", "model.layers.maxpool.ceil_mode=true")
    assert "⌈(32 + 2·0 − 3)/3⌉ + 1 = 11" in outcome.out
    assert cifar("explain", "small.yaml", "model.layers.conv1.kernel_size=5").out.count("⌊(32 + 2·1 − 5)/1⌋") == 1


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["tutorail"],
            "error: tutorail: expected a run folder, a checkpoint file, or the name of a run under logs, found none of "
            "them; there are no runs under logs yet: cifar train --config quickstart makes one; nor is it a "
            "configuration: a YAML file, or one of cnn, compact, mlp,",
        ),
        (["cnn", "model.withs=[8]"], "model.withs: cnn has no such key; did you mean 'widths'?"),
        (
            ["tutorial", "--layer", "conf1"],
            "error: --layer conf1: expected a row of the table, found none of that name; did you mean 'conv1'?",
        ),
        (["tutorial", "--layer", "q"], "found none of that name; cifar explain without --layer lists the rows"),
        (
            ["cnn", "--layer", "blocks.0"],
            "found none of that name; it holds blocks.0.conv1, blocks.0.pool, ",
        ),
        (["tutorial", "--config", "cnn"], "expected a run or --config, found both: 'tutorial' and --config cnn"),
        (["nothing.yaml"], "nothing.yaml: no such file; cifar config list shows the built-in configurations"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_a_mistake_is_reported_with_its_mend(words: list[str], message: str, cifar: Callable[..., Any]) -> None:
    outcome = cifar("explain", *words)
    assert (outcome.code, outcome.out) == (2, "")
    assert message in outcome.err
    assert "Traceback" not in outcome.err


@pytest.mark.parametrize(("page", "found"), [(".", "a folder"), ("/dev/null", "no regular file")])
def test_a_page_replaces_neither_a_folder_nor_a_device(page: str, found: str, cifar: Callable[..., Any]) -> None:
    outcome = cifar("explain", "mlp", "--html", page)
    assert outcome.code == 2
    message = f"--html {page}: expected a file, found {found}; write for example --html network.html"
    assert outcome.err == f"error: {message}\n"


def test_a_page_that_cannot_be_written_costs_no_table(cifar: Callable[..., Any]) -> None:
    outcome = cifar("explain", "small.yaml", "--html", "small.yaml/network.html")
    assert outcome.code == 1
    assert "conv1" in outcome.out
    assert "network.html: could not be written" in outcome.err


def test_a_time_for_one_image_is_told_in_the_singular(cifar: Callable[..., Any]) -> None:
    outcome = cifar("explain", "--config", "mlp", "data.batch_size=1")
    assert outcome.code == 0, outcome.err
    told = " ".join((outcome.out + outcome.err).split())
    assert re.search(r"fp32, 1 image\b", told), told[:400]
