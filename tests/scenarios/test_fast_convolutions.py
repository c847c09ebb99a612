"""`train.fast_convolutions`: when fast convolutions are used, and that a resumed run equals an uninterrupted run."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor

from cifar_cli import config
from cifar_cli.builders.build_training import build_training
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.kernels import kernel_choice
from cifar_cli.kernels.fast_convolutions import FastConv2d
from cifar_cli.training.runtime import Runtime

CPU = torch.device("cpu")
TEXT = """\
data: {name: synthetic, batch_size: 100, val_size: 100, augment: {sizes: [16]}}
model: {name: speednet, widths: [64, 256]}
optimizer: {name: sgd, lr: 0.01}
schedule: {name: constant}
train: {epochs: 2, device: cpu, precision: fp32, fast_convolutions: auto}
log: {images_every: 0, feature_layers: [whiten]}
"""


@pytest.mark.parametrize(
    ("word", "precision", "processor", "number"),
    [
        ("train.fast_convolutions=auto", "fp32", {}, 2),  # 64 → 256 and 256 → 256
        ("train.fast_convolutions=false", "fp32", {}, 0),
        ("train.fast_convolutions=auto", "bf16", {}, 0),
        ("train.fast_convolutions=auto", "bf16", {"amx_bf16": True}, 2),
        ("train.fast_convolutions=auto", "bf16", {"avx512_bf16": True, "sse4a": True}, 2),
        ("train.fast_convolutions=false", "bf16", {"amx_bf16": True}, 0),
        ("train.compile=true", "fp32", {}, 0),
    ],
)
def test_fast_convolutions_are_used_where_the_key_asks_for_them_and_the_machine_gains(
    word: str,
    precision: str,
    processor: dict[str, object],
    number: int,
    small_splits: Splits,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: processor)
    monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)
    (tmp_path / "fast.yaml").write_text(TEXT)
    experiment = config.load(str(tmp_path / "fast.yaml"), [word])
    model = build_training(experiment, small_splits, Runtime(CPU, precision)).state.model
    assert sum(isinstance(module, FastConv2d) for module in model.modules()) == number


def test_fast_convolutions_are_off_by_default() -> None:
    assert config.load("cnn", []).train.fast_convolutions is False


def test_eval_measures_a_run_with_fast_convolutions_as_its_training_did(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "fast.yaml").write_text(TEXT)
    assert cifar("train", "--config", "fast.yaml", "train.epochs=1").code == 0
    (run,) = (tmp_path / "logs").iterdir()
    calls = 0
    original = kernel_choice.winograd_conv3x3

    def counted(images: Tensor, weight: Tensor, *, window: int) -> Tensor:
        nonlocal calls
        calls += 1
        return original(images, weight, window=window)

    monkeypatch.setattr(kernel_choice, "winograd_conv3x3", counted)
    outcome = cifar("eval", run, "--json")
    assert outcome.code == 0, outcome.err
    assert calls > 0
    assert json.loads(outcome.out)["loss"] == json.loads((run / "summary.json").read_text())["test"]["loss"]


def test_a_resumed_run_with_fast_convolutions_equals_an_uninterrupted_run(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken: list[torch.Size] = []
    windows: list[int] = []
    original = kernel_choice.winograd_conv3x3

    def noted(images: Tensor, weight: Tensor, *, window: int) -> Tensor:
        if torch.is_grad_enabled():  # in a step
            taken.append(images.shape)
            windows.append(window)
        return original(images, weight, window=window)

    monkeypatch.setattr(kernel_choice, "winograd_conv3x3", noted)
    (tmp_path / "fast.yaml").write_text(TEXT)
    assert cifar("train", "--config", "fast.yaml", "name=longer").code == 0
    assert len(taken) == 2 * 2 * 5  # layers, epochs, steps
    assert windows[:2] == [2, 1]  # a pooling takes what the first gives
    assert cifar("train", "--config", "fast.yaml", "name=shorter", "train.epochs=1").code == 0
    longer, shorter = (next((tmp_path / "logs").glob(f"{name}-*")) for name in ("longer", "shorter"))
    outcome = cifar("train", "--resume", shorter, "train.epochs=2")
    assert outcome.code == 0, outcome.err
    weights = [torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"] for run in (longer, shorter)]
    assert list(weights[0]) == list(weights[1])
    assert all(torch.equal(weights[0][name], weights[1][name]) for name in weights[0])


def test_another_value_is_refused_with_the_two_known_values(tmp_path: Path, cifar: Callable[..., Any]) -> None:
    outcome = cifar("config", "validate", "small.yaml", "train.fast_convolutions=always")
    assert outcome.code == 2
    assert "train.fast_convolutions: expected auto or false, found 'always'" in outcome.err
