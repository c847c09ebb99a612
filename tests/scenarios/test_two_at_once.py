"""Two commands at the same time on one run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.observers.progress_bar import ProgressBar
from cifar_cli.training.state import TrainingState


def test_a_run_is_evaluated_while_it_is_trained(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    evaluations: list[Any] = []

    def evaluate(self: ProgressBar, state: TrainingState) -> None:
        if state.progress.step == 15:  # of ten an epoch
            evaluations.append(cifar("eval", "--weights", "last"))

    monkeypatch.setattr(ProgressBar, "step_ended", evaluate)
    trained = cifar("train", "--config", "small.yaml")
    assert trained.code == 0, trained.err
    (evaluation,) = evaluations
    assert evaluation.code == 0, evaluation.err
    assert "epoch 1" in evaluation.out + evaluation.err
