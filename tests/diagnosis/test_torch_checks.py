"""A torch that works, and one that computes wrongly."""

import ctypes
import math
import sys

import pytest
import torch

from cifar_cli.diagnosis import trial_convolutions, trial_training
from cifar_cli.diagnosis.finding import Situation
from cifar_cli.diagnosis.torch_checks import (
    check_auto,
    check_convolutions,
    check_kernels,
    check_numpy,
    check_torch,
    check_training,
)
from cifar_cli.diagnosis.trial_training import Trial
from cifar_cli.kernels.native_library import NativeLibrary
from cifar_cli.training.runtime import choose_runtime


def test_torch_has_its_version(situation: Situation) -> None:
    assert check_torch(situation).values["version"] == str(torch.__version__)
    assert check_numpy(situation).status == "ok"


def test_a_torch_that_cannot_be_imported_is_a_problem(situation: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "torch", None)
    finding = check_torch(situation)
    assert finding.status == "problem"
    assert finding.text.startswith("cannot be imported: ModuleNotFoundError: ")


def test_a_numpy_that_torch_cannot_use_is_a_problem(situation: Situation, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(array: object) -> None:
        raise RuntimeError("Numpy is not available")

    monkeypatch.setattr(torch, "from_numpy", fail)
    finding = check_numpy(situation)
    assert finding.status == "problem"
    assert "does not work with torch: RuntimeError: Numpy is not available" in finding.text


def test_auto_is_what_a_training_takes(situation: Situation) -> None:
    runtime = choose_runtime()
    values = check_auto(situation).values
    assert (values["device"], values["precision"]) == (runtime.device.type, runtime.precision)
    assert set(check_kernels(situation).values) >= {"fast_convolutions", "cuda_graphs", "native_kernels"}


@pytest.mark.parametrize(
    ("found", "ending"),
    [
        (NativeLibrary(ctypes.CDLL(None), "compiled by cc 1.0"), "native kernels compiled by cc 1.0"),
        (NativeLibrary(None, "no C compiler: cc not found"), "; no native kernels: no C compiler: cc not found"),
    ],
    ids=["there", "missing"],
)
def test_it_says_by_what_the_native_kernels_were_compiled_or_why_there_are_none(
    found: NativeLibrary, ending: str, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cifar_cli.kernels.native_library.native_library", lambda: found)
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    finding = check_kernels(situation)
    assert finding.status == "ok"
    assert finding.text.endswith(ending)
    assert finding.values["native_kernels"] is (found.library is not None)
    assert finding.values["native_kernels_found"] == found.words


def test_convolutions_are_correct_here(situation: Situation) -> None:
    finding = check_convolutions(situation)
    assert finding.status == "ok"
    assert 0 < finding.values["largest_error"] <= 0.01


@pytest.mark.parametrize(("factor", "error"), [(1.5, 0.5), (math.nan, None)])
def test_wrong_convolutions_are_a_problem(
    factor: float, error: float | None, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    conv2d = torch.nn.functional.conv2d

    def wrong(images: torch.Tensor, weight: torch.Tensor, padding: int) -> torch.Tensor:
        is_wrong = weight.dtype != torch.float64 and weight.shape == (64, 24, 3, 3)
        return conv2d(images, weight, padding=padding) * (factor if is_wrong else 1)

    monkeypatch.setattr(trial_convolutions.torch.nn.functional, "conv2d", wrong)
    finding = check_convolutions(situation)
    assert finding.status == "problem"
    assert "filters 64×24×3×3" in finding.text
    assert "train.precision=fp32" in finding.mend
    assert finding.values["largest_error"] == (pytest.approx(error, rel=0.05) if error else None)


def test_a_small_network_learns_a_batch(situation: Situation) -> None:
    finding = check_training(situation)
    assert finding.status == "ok"
    assert finding.values["steps"] >= 11
    assert finding.values["first_loss"] == pytest.approx(math.log(10), abs=0.3)  # ten classes, before any learning
    assert finding.values["last_loss"] < finding.values["first_loss"]
    assert finding.values["images_per_second"] > 0


@pytest.mark.parametrize("last_loss", [2.4, math.nan, math.inf])
def test_a_loss_that_does_not_fall_is_a_problem(
    last_loss: float, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    trial = Trial("2 CPU threads", "fp32", 11, first_loss=2.3, last_loss=last_loss, images_per_second=500)
    monkeypatch.setattr(trial_training, "try_training", lambda seconds: trial)
    finding = check_training(situation)
    assert finding.status == "problem"
    assert "expected a loss that falls, found: 11 steps, loss 2.300 → " in finding.text
    assert finding.values["last_loss"] == (last_loss if math.isfinite(last_loss) else None)
