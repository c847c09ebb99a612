"""The learning-rate range test: which learning rates it takes, and that it leaves no trace."""

import signal
from collections.abc import Callable, Mapping
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor

from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.loop import fit
from cifar_cli.training.lr_curve import LrCurve
from cifar_cli.training.lr_range_test import STEPS, lr_range_test

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


def run_test(training: Any, shutdown: ShutdownRequest | None = None) -> LrCurve:
    return lr_range_test(
        training.state, training.task, runtime=training.runtime, shutdown=shutdown or ShutdownRequest()
    )


def assert_same(left: object, right: object, *, at: str = "") -> None:
    """Asserts that nested states are equal bit for bit, except times."""
    if isinstance(left, Tensor):
        assert torch.equal(left, right), at  # type: ignore[arg-type]
    elif isinstance(left, Mapping):
        assert isinstance(right, Mapping)
        assert left.keys() == right.keys(), at
        for key in left.keys() - {"seconds"}:
            assert_same(left[key], right[key], at=f"{at}.{key}")
    elif isinstance(left, list | tuple):
        assert isinstance(right, list | tuple)
        for index, pair in enumerate(zip(left, right, strict=True)):
            assert_same(*pair, at=f"{at}.{index}")
    else:
        assert left == right, at


@pytest.mark.parametrize(
    "chosen",
    [
        {"optimizer_arguments": {"momentum": 0.9, "layer_decay": 0.5}, "schedule": "one_cycle"},
        {"optimizer": "adam", "schedule": "linear", "average": "ema", "average_arguments": {"warmup": True}},
        {"optimizer": "muon", "schedule": "plateau", "hard_examples": (1, 0.5), "average": "lookahead"},
    ],
    ids=lambda chosen: chosen["schedule"],
)
def test_the_state_and_a_training_after_it_are_as_if_there_had_been_no_test(
    tiny_training: Make, chosen: dict[str, Any]
) -> None:
    plain = tiny_training(**chosen)
    before = deepcopy(plain.state.state_dict())
    fit(plain.state, plain.task, runtime=plain.runtime)
    training = tiny_training(**chosen)
    assert len(run_test(training).losses) > 10
    assert_same(training.state.state_dict(), before)
    fit(training.state, training.task, runtime=training.runtime)
    assert_same(training.state.state_dict(), plain.state.state_dict())


def test_the_learning_rates_grow_by_equal_factors_over_seven_decades_and_groups_keep_their_ratios(
    tiny_training: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    groups = [{"parameters": ["conv.*"], "name": "sgd", "lr": 0.5}]
    training = tiny_training(optimizer_arguments={"layer_decay": 0.5, "groups": groups})  # and lr 0.05
    taken = []
    monkeypatch.setattr(
        training.state.optimizer,
        "step",
        lambda: taken.append([group["lr"] for group in training.state.optimizer.param_groups]),
    )
    curve = run_test(training)
    assert len(curve.lrs) == STEPS == 100  # no step changed a weight, so nothing diverged
    assert (curve.lrs[0], curve.lrs[-1]) == (pytest.approx(1e-6), pytest.approx(10))
    ratios = [later / earlier for earlier, later in zip(curve.lrs, curve.lrs[1:], strict=False)]
    assert ratios == pytest.approx([10 ** (7 / 99)] * 99)
    # The norm and the convolution are the layer before fc: half of the learning rate; the group has ten times as much.
    for lr, lrs in zip(curve.lrs, taken, strict=True):
        assert sorted(set(lrs)) == pytest.approx([0.5 * lr, lr, 5 * lr])


def test_a_configured_learning_rate_above_one_is_tested_up_to_ten_times_it(tiny_training: Make) -> None:
    training = tiny_training(optimizer_arguments={"lr": 40.0})
    curve = run_test(training)
    assert curve.lrs[0] == pytest.approx(400e-7)


def test_the_test_ends_when_the_loss_has_diverged(tiny_training: Make) -> None:
    training = tiny_training()
    training.state.model.fc.weight.data.fill_(float("nan"))
    curve = run_test(training)
    assert (len(curve.losses), curve.has_diverged) == (1, True)


def test_a_signal_ends_the_test_after_the_step(tiny_training: Make) -> None:
    curve = run_test(tiny_training(), ShutdownRequest(signal_number=int(signal.SIGINT)))
    assert len(curve.losses) == 1
