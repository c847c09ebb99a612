"""The moving average held against torch's AveragedModel, lookahead against its formula."""

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from cifar_cli.optim.averages import Average, Ema, Lookahead, NoAverage, evaluation_weights
from cifar_cli.training.loop import fit

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


def network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4))


def change_weights(model: nn.Module, seed: int) -> None:
    """Changes every weight and, by a batch, BatchNorm's running statistics."""
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.add_(torch.randn(parameter.shape, generator=generator))
        model(torch.randn(8, 3, generator=generator))


def copy_of(model: nn.Module) -> dict[str, Tensor]:
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
        change_weights(model, step)
        average.step_ended(step)
        expected.update_parameters(model)
    averaged = expected.module.state_dict()
    assert_same(average.averaged_weights(), {name: value for name, value in averaged.items() if "tracked" not in name})


def test_the_moving_average_with_warm_up_follows_numbers_worked_by_hand() -> None:
    model = nn.Linear(1, 1, bias=False)
    average = Ema(model, decay=0.3, warmup=True)
    averages = []
    for step, weight in enumerate([1.0, 5.0, 9.0, 0.0], start=1):
        nn.init.constant_(model.weight, weight)
        average.step_ended(step)
        averages.append(average.averaged_weights()["weight"].item())
    # The first step is copied. Then 3/12 = 1/4 is kept; 4/13 and 5/14 are more than the decay, 0.3.
    expected = [1.0, 1 / 4 + 5 * 3 / 4, 0.3 * 4 + 0.7 * 9, 0.3 * 7.5]
    assert averages == pytest.approx(expected)


def test_after_its_warm_up_the_moving_average_keeps_its_decay() -> None:
    # (1 + t) / (10 + t) reaches 0.99 at t = 890: step 889 keeps 890/899.
    model = nn.Linear(1, 1, bias=False)
    average = Ema(model, decay=0.99, warmup=True)
    for step, kept in ((889, 890 / 899), (890, 0.99), (100_000, 0.99)):
        average.averaged_weights()["weight"].fill_(1.0)
        nn.init.constant_(model.weight, 0.0)
        average.step_ended(step)
        assert average.averaged_weights()["weight"].item() == pytest.approx(kept, rel=1e-6)


def test_the_network_has_the_averaged_weights_in_evaluation_and_its_own_afterwards() -> None:
    model = network()
    average = Ema(model, decay=0.5)
    for step in (1, 2):
        change_weights(model, step)
        average.step_ended(step)
    own, averaged = copy_of(model), {name: tensor.clone() for name, tensor in average.averaged_weights().items()}
    with evaluation_weights(model, average):
        inside = copy_of(model)
    assert_same({name: inside[name] for name in averaged}, averaged)
    assert_same(copy_of(model), own)
    assert_same(average.averaged_weights(), averaged)
    assert not torch.equal(inside["0.weight"], own["0.weight"])


def test_lookahead_sets_the_weights_to_the_slow_weights_every_few_steps_and_at_the_end() -> None:
    model = network()
    average = Lookahead(model, every_steps=2, decay=0.9, total_steps=5)
    slow = copy_of(model)
    for step in range(1, 6):
        change_weights(model, step)
        fast = copy_of(model)
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


def test_lookahead_does_not_change_a_training_that_is_too_short() -> None:
    model = network()
    average = Lookahead(model, every_steps=5, decay=0.9, total_steps=3)
    for step in range(1, 4):
        change_weights(model, step)
        fast = copy_of(model)
        average.step_ended(step)
        assert_same(copy_of(model), fast)


def test_no_average_does_not_change_the_weights() -> None:
    model = network()
    before, average = copy_of(model), NoAverage()
    average.step_ended(1)
    with evaluation_weights(model, average):
        assert_same(copy_of(model), before)
    assert (average.state_dict(), average.averaged_weights()) == ({}, {})


@pytest.mark.parametrize(
    "average", [Ema(network(), decay=0.9), Lookahead(network(), every_steps=2, decay=0.9, total_steps=9)]
)
def test_the_weights_of_another_network_are_refused(average: Average) -> None:
    saved = average.state_dict()
    for weights in ({**saved["weights"], "0.weight": torch.zeros(1)}, {"0.weight": torch.zeros(4, 3)}):
        with pytest.raises(ValueError, match="the averaged weights are those of another network"):
            average.load_state_dict({"weights": weights})


def test_validation_and_checkpoint_have_the_averaged_weights(tiny_training: Make, recorder: Any) -> None:
    training = tiny_training(average="ema", average_arguments={"decay": 0.9})
    fit(training.state, training.task, runtime=training.runtime, observers=[recorder])
    own = copy_of(training.state.model)
    saved = training.state.state_dict()["model"]
    training.state.model.load_state_dict(saved)
    averaged = training.task.validate()
    assert recorder.reports[-1].val_loss == pytest.approx(averaged.loss, rel=1e-6)
    training.state.model.load_state_dict(own)
    assert training.task.validate().loss != pytest.approx(averaged.loss, rel=1e-6)


def test_averages_with_a_decay_of_zero_train_as_without_an_average(tiny_training: Make) -> None:
    plain = tiny_training()
    fit(plain.state, plain.task, runtime=plain.runtime)
    for name, arguments in (("ema", {"decay": 0.0}), ("lookahead", {"decay": 0.0, "every_steps": 1})):
        training = tiny_training(average=name, average_arguments=arguments)
        fit(training.state, training.task, runtime=training.runtime)
        assert_same(copy_of(training.state.model), copy_of(plain.state.model))
