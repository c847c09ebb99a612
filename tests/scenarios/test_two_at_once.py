"""Two commands at the same time on one run."""

from collections.abc import Callable
from typing import Any


def test_a_run_is_evaluated_while_it_is_trained(cifar: Callable[..., Any], at_step: Callable[..., Any]) -> None:
    evaluations: list[Any] = []
    with at_step(15, lambda state: evaluations.append(cifar("eval", "--weights", "last"))):  # of ten an epoch
        trained = cifar("train", "--config", "small.yaml")
    assert trained.code == 0, trained.err
    (evaluation,) = evaluations
    assert evaluation.code == 0, evaluation.err
    assert "epoch 1" in evaluation.out + evaluation.err
