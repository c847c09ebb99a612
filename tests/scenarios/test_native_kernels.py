"""`train.native_kernels`: where they are used, and that a resumed run equals an uninterrupted run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli import config
from cifar_cli.builders.build_training import build_training
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.kernels.native_library import native_library
from cifar_cli.kernels.native_modules import NativeBatchNorm2d
from cifar_cli.training.runtime import Runtime

needs_compiler = pytest.mark.skipif(native_library().library is None, reason=native_library().words)

TEXT = """\
data: {name: synthetic, batch_size: 100, val_size: 100, augment: {sizes: [8]}}
model: {name: resnet20}
optimizer: {name: sgd, lr: 0.01}
schedule: {name: constant}
train: {epochs: 2, device: cpu, precision: fp32}
log: {images_every: 0, feature_layers: []}
"""


@needs_compiler
@pytest.mark.parametrize(
    ("word", "number"),
    [("train.native_kernels=auto", 21), ("train.native_kernels=false", 0), ("train.compile=true", 0)],
)
def test_native_kernels_are_used_where_the_key_asks_for_them(
    word: str, number: int, small_splits: Splits, tmp_path: Path
) -> None:
    (tmp_path / "native.yaml").write_text(TEXT)
    experiment = config.load(str(tmp_path / "native.yaml"), [word])
    model = build_training(experiment, small_splits, Runtime(torch.device("cpu"), "fp32")).state.model
    assert sum(isinstance(module, NativeBatchNorm2d) for module in model.modules()) == number


def test_native_kernels_are_the_default() -> None:
    assert config.load("cnn", []).train.native_kernels == "auto"


def test_another_value_is_refused_with_the_two_known_values(tmp_path: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("config", "validate", "small.yaml", "train.native_kernels=always")
    assert outcome.code == 2
    assert "train.native_kernels: expected auto or false, found 'always'" in outcome.err


@needs_compiler
def test_a_resumed_run_with_native_kernels_equals_an_uninterrupted_run(
    cifar: Callable[..., Any], tmp_path: Path
) -> None:
    (tmp_path / "native.yaml").write_text(TEXT)
    assert cifar("train", "--config", "native.yaml", "name=longer").code == 0
    assert cifar("train", "--config", "native.yaml", "name=shorter", "train.epochs=1").code == 0
    longer, shorter = (next((tmp_path / "logs").glob(f"{name}-*")) for name in ("longer", "shorter"))
    outcome = cifar("train", "--resume", shorter, "train.epochs=2")
    assert outcome.code == 0, outcome.err
    weights = [torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"] for run in (longer, shorter)]
    assert list(weights[0]) == list(weights[1])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])
