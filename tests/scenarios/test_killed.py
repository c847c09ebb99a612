"""A run killed in the middle of an epoch and resumed, for everything that draws random numbers or rounds."""

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.data.transforms.table import AUGMENTATIONS
from cifar_cli.hardware import cpu_computes_bf16

STEP = 15  # of ten an epoch
NO_PICTURES = ["log.images_every=0", "log.embeddings=0"]
# Together: each draws from the same generator. Not `sizes`: not for this network, and it depends on the epoch alone.
EXAMPLES = {key: entry.example for key, entry in AUGMENTATIONS.items() if key != "sizes"}
MUON_RECIPE = [
    "optimizer={name: muon, lr: 0.24, momentum: 0.6, nesterov: true, normalize_weights: true, "
    "decay_norm_and_bias: true, groups: [{parameters: ['conv1.bias'], name: sgd, lr: 0.05, momentum: 0.85, "
    "nesterov: true, weight_decay: 0.07, decay_norm_and_bias: true, epochs: 1.2}, {parameters: ['fc1.*'], name: sgd, "
    "lr: 0.1, momentum: 0.85, nesterov: true, weight_decay: 0.006}]}",
    "schedule={name: linear}",
    "loss.label_smoothing=0.2",
]
CASES = [
    ["data.augment=null"],
    pytest.param([f"data.augment={to_flow_yaml(EXAMPLES)}"], id="all augmentations"),
    pytest.param(
        ["train.precision=bf16"], marks=pytest.mark.skipif(not cpu_computes_bf16(), reason="no bf16 in this processor")
    ),
    ["train.clip_grad_norm=0.1"],
    ["average={name: ema, decay: 0.9, warmup: true}"],
    ["average={name: lookahead, every_steps: 4}"],
    MUON_RECIPE,
    ["data.drop_last=true", "data.batch_size=48"],
    ["data.hard_example_fractions=[1, 0.8, 0.6]"],
]


def read(run: Path, which: str) -> dict[str, Any]:
    return dict(torch.load(run / "checkpoints" / f"{which}.pt", weights_only=True))


def rows_without_times(run: Path) -> list[list[str]]:
    return [line.split(",")[:-2] for line in (run / "metrics.csv").read_text().splitlines()]


@pytest.mark.parametrize("words", CASES, ids=" ".join)
def test_a_run_killed_within_an_epoch_and_resumed_equals_the_whole_run(
    words: list[str],
    cifar: Callable[..., Any],
    tmp_path: Path,
    at_step: Callable[..., Any],
    assert_equal_values: Callable[[object, object], None],
) -> None:
    killed = tmp_path / "killed"

    # The checkpoint of this step is not yet written, so one step is lost.
    with at_step(STEP, lambda state: shutil.copytree(next((tmp_path / "logs").iterdir()), killed)):
        outcome = cifar("train", "--config", "small.yaml", "train.checkpoint_seconds=1e-9", *NO_PICTURES, *words)
    assert outcome.code == 0, outcome.err
    (whole,) = (tmp_path / "logs").iterdir()
    progress = read(killed, "last")["progress"]
    assert (progress["epoch"], progress["step"]) == (1, STEP - 1)

    resumed = cifar("train", "--resume", killed)
    assert resumed.code == 0, resumed.err
    assert rows_without_times(killed) == rows_without_times(whole)
    for which in ("last", "best"):
        for part in ("model", "average", "optimizer", "scheduler", "random", "progress"):
            assert_equal_values(read(killed, which)[part], read(whole, which)[part])
    test_figures = [json.loads((run / "summary.json").read_text())["test"] for run in (killed, whole)]
    assert test_figures[0] == test_figures[1]
