"""The moving average held against torch's AveragedModel, lookahead against its recipe written out."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cifar_cli.optim.averages import Average, Ema, Lookahead, NoAverage, evaluation_weights
from cifar_cli.optim.table import AVERAGES
from cifar_cli.training.loop import fit

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def wander(model: nn.Module, seed: int) -> None:
    """Moves every weight and, by a batch, BatchNorm's averages."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
        model(torch.randn(8, 3, generator=generator))


def copied(model: nn.Module) -> dict[str, Tensor]:
    return {name: tensor.clone() for name, tensor in model.state_dict().items()}


def assert_same(left: dict[str, Tensor], right: dict[str, Tensor]) -> None:
    assert left.keys() == right.keys()
    for name, tensor in left.items():
        torch.testing.assert_close(tensor, right[name], rtol=0, atol=0, msg=name)


def test_the_moving_average_equals_torchs_averaged_model() -> None:
    model = network()
    average = Ema(model, decay=0.8)
    expected = AveragedModel(model, multi_avg_fn=get_ema_multi_avg_fn(0.8), use_buffers=True)
    for step in range(1, 6):
        wander(model, step)
        average.step_ended(step)
        expected.update_parameters(model)
    averaged = expected.module.state_dict()
    assert_same(average.averaged_weights(), {name: value for name, value in averaged.items() if "tracked" not in name})


def test_the_network_is_judged_by_the_moving_average_and_has_its_own_weights_again_after_that() -> None:
    model = network()
    average = Ema(model, decay=0.5)
    for step in (1, 2):
        wander(model, step)
        average.step_ended(step)
    own, averaged = copied(model), {name: tensor.clone() for name, tensor in average.averaged_weights().items()}
    with evaluation_weights(model, average):
        inside = copied(model)
    assert_same({name: inside[name] for name in averaged}, averaged)
    assert_same(copied(model), own)
    assert_same(average.averaged_weights(), averaged)
    assert not torch.equal(inside["0.weight"], own["0.weight"])


def test_lookahead_moves_to_the_slow_weights_every_so_many_steps_and_ends_there() -> None:
    model = network()
    average = Lookahead(model, every_steps=2, decay=0.9, total_steps=5)
    slow = copied(model)
    for step in range(1, 6):
        wander(model, step)
        fast = copied(model)
        average.step_ended(step)
        if step in (2, 4):
            kept = 0.9**2 * (step / 5) ** 3
            slow = {name: kept * slow[name] + (1 - kept) * fast[name] for name in slow}
        expected = slow if step in (2, 4, 5) else fast
        for name, tensor in model.state_dict().items():
            if "tracked" in name:
                assert int(tensor) == step
            else:
                torch.testing.assert_close(tensor, expected[name], msg=f"{name} after step {step}")
    assert not torch.equal(fast["1.running_mean"], model.state_dict()["1.running_mean"])


def test_lookahead_leaves_a_training_alone_that_is_too_short_for_it() -> None:
    model = network()
    average = Lookahead(model, every_steps=5, decay=0.9, total_steps=3)
    for step in range(1, 4):
        wander(model, step)
        fast = copied(model)
        average.step_ended(step)
        assert_same(copied(model), fast)


def test_no_average_leaves_the_weights_alone() -> None:
    model = network()
    before, average = copied(model), NoAverage()
    average.step_ended(1)
    with evaluation_weights(model, average):
        assert_same(copied(model), before)
    assert (average.state_dict(), average.averaged_weights()) == ({}, {})


@pytest.mark.parametrize(
    "average", [Ema(network(), decay=0.9), Lookahead(network(), every_steps=2, decay=0.9, total_steps=9)]
)
def test_the_weights_of_another_network_are_refused(average: Average) -> None:
    saved = average.state_dict()
    for weights in ({**saved["weights"], "0.weight": torch.zeros(1)}, {"0.weight": torch.zeros(4, 3)}):
        with pytest.raises(ValueError, match="the averaged weights are those of another network"):
            average.load_state_dict({"weights": weights})


def test_validation_and_the_saved_model_are_those_of_the_average(tiny_training: Make, recorder: Any) -> None:
    training = tiny_training(average="ema", average_arguments={"decay": 0.9})
    fit(training.state, training.task, runtime=training.runtime, observers=[recorder])
    own = copied(training.state.model)
    saved = training.state.state_dict()["model"]
    training.state.model.load_state_dict(saved)
    measured = training.task.validate()
    assert recorder.reports[-1].val_loss == pytest.approx(measured.loss, rel=1e-6)
    training.state.model.load_state_dict(own)
    assert training.task.validate().loss != pytest.approx(measured.loss, rel=1e-6)


def test_averages_that_keep_nothing_are_training_as_usual(tiny_training: Make) -> None:
    # A decay of 0 forgets all before: the weights are those of a training without an average.
    plain = tiny_training()
    fit(plain.state, plain.task, runtime=plain.runtime)
    for name, arguments in (("ema", {"decay": 0.0}), ("lookahead", {"decay": 0.0, "every_steps": 1})):
        training = tiny_training(average=name, average_arguments=arguments)
        fit(training.state, training.task, runtime=training.runtime)
        assert_same(copied(training.state.model), copied(plain.state.model))
    assert {"none", "ema", "lookahead"} == set(AVERAGES)
