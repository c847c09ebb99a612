"""`train.native_kernels`: where they are used, and that a resumed run equals an uninterrupted run."""

import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch

from cifar_cli import config
from cifar_cli.builders.build_training import build_training
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.kernels.native_batch_norm import NativeBatchNorm2d
from cifar_cli.kernels.native_library import SOURCE, native_library
from cifar_cli.training.runtime import Runtime

needs_compiler = pytest.mark.skipif(native_library().library is None, reason=native_library().words)

TEXT = """\
data: {name: synthetic, batch_size: 100, val_size: 100}
model: {name: cnn, widths: [8, 8]}
optimizer: {name: sgd, lr: 0.01}
schedule: {name: constant}
train: {epochs: 2, device: cpu, precision: fp32}
log: {images_every: 0, feature_layers: []}
"""


@needs_compiler
@pytest.mark.parametrize(
    ("word", "number"),
    [("train.native_kernels=auto", 4), ("train.native_kernels=false", 0), ("train.compile=true", 0)],
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


@pytest.fixture
def set_compiler(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[bool], None]]:
    """Returns a function that takes the C compiler away, or gives it back."""

    def set_(is_there: bool) -> None:
        if is_there:
            monkeypatch.delenv("CC", raising=False)
        else:
            monkeypatch.setenv("CC", "no-such-compiler")
        native_library.cache_clear()

    yield set_
    monkeypatch.undo()
    native_library.cache_clear()


def weights_of(run: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(run / "checkpoints" / "last.pt", weights_only=True)["model"]
    return weights


@needs_compiler
def test_a_run_that_began_without_native_kernels_goes_on_without_them(
    cifar: Callable[..., Any], tmp_path: Path, set_compiler: Callable[[bool], None]
) -> None:
    (tmp_path / "native.yaml").write_text(TEXT)
    set_compiler(False)
    for words in (("name=longer",), ("name=shorter", "train.epochs=1")):
        assert cifar("train", "--config", "native.yaml", *words).code == 0
    longer, shorter = (next((tmp_path / "logs").glob(f"{name}-*")) for name in ("longer", "shorter"))
    assert json.loads((longer / "env.json").read_text())["native_kernels"] is None
    set_compiler(True)
    outcome = cifar("train", "--resume", shorter, "train.epochs=2")
    assert outcome.code == 0
    assert "native kernels" not in outcome.err
    assert all(torch.equal(value, weights_of(longer)[name]) for name, value in weights_of(shorter).items())
    outcome = cifar("eval", longer, "--json")  # measures as the test at the end of training did
    assert json.loads(outcome.out)["loss"] == json.loads((longer / "summary.json").read_text())["test"]["loss"]


@needs_compiler
def test_a_run_with_native_kernels_is_resumed_without_a_compiler_and_a_warning_says_that_bits_may_differ(
    cifar: Callable[..., Any], tmp_path: Path, set_compiler: Callable[[bool], None]
) -> None:
    (tmp_path / "native.yaml").write_text(TEXT)
    assert cifar("train", "--config", "native.yaml", "train.epochs=1").code == 0
    (run,) = (tmp_path / "logs").iterdir()
    words = f"{native_library().words}, native.c {hashlib.sha256(SOURCE.read_bytes()).hexdigest()[:12]}"
    assert json.loads((run / "env.json").read_text())["native_kernels"] == words
    set_compiler(False)
    outcome = cifar("train", "--resume", run, "train.epochs=2")
    assert outcome.code == 0
    assert (
        f"warning: {run}: trained so far with native kernels {words}; there are none here: no C compiler: $CC is "
        "no-such-compiler, not found; the run goes on, but its numbers may differ in the last digits from those of an "
        "uninterrupted run" in " ".join(outcome.err.split())
    )


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
    assert "native kernels" not in outcome.err
    assert all(torch.equal(value, weights_of(longer)[name]) for name, value in weights_of(shorter).items())
