"""Steps of SAM and ASAM held against their closed form on a linear model."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn

from cifar_cli.optim.build_optimizer import build_optimizer
from cifar_cli.optim.losses import CrossEntropy
from cifar_cli.optim.sharpness import Asam, Sam, Sharpness, sharpest_weights
from cifar_cli.training.loop import Task, fit
from cifar_cli.training.runtime import CPU
from cifar_cli.training.state import EpochTotals, TrainingState
from cifar_cli.training.train_step import train_step

LR, RHO = 0.1, 0.3
IMAGES = torch.randn(6, 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
LABELS = torch.tensor([0, 1, 2, 0, 1, 1])


@dataclass
class Steps:
    """A linear model of float64, and a step on all images."""

    sharpness: Sharpness | None
    micro_batch_size: int | None = None
    clip_grad_norm: float | None = None
    scaler: torch.amp.GradScaler = field(default_factory=lambda: torch.amp.GradScaler("cpu", enabled=False))

    def __post_init__(self) -> None:
        torch.manual_seed(0)
        self.model = nn.Linear(4, 3, dtype=torch.float64)
        optimizer = build_optimizer("sgd", self.model, lr=LR, weight_decay=0.0, clip_grad_norm=self.clip_grad_norm)
        unused: Any = None
        self.state = TrainingState(
            self.model, optimizer, unused, self.scaler, torch.Generator(), EpochTotals.zero(torch.device("cpu"))
        )
        self.task = Task(
            unused,
            unused,
            self.model,
            CrossEntropy(),
            None,
            epochs=1,
            micro_batch_size=self.micro_batch_size,
            sharpness=self.sharpness,
        )

    def take(self, images: Tensor = IMAGES) -> tuple[Tensor, Tensor]:
        return train_step(self.state, self.task, CPU, images, LABELS)


def gradients(weight: np.ndarray, bias: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns the gradients of the mean cross-entropy: (softmax − target) · image, and softmax − target."""
    scores = np.exp(IMAGES.numpy() @ weight.T + bias)
    error = (scores / scores.sum(1, keepdims=True) - np.eye(3)[LABELS]) / len(LABELS)
    return error.T @ IMAGES.numpy(), error.sum(0)


def expected_step(steps: Steps, *, eta: float | None, most: float = np.inf) -> tuple[np.ndarray, np.ndarray]:
    """Returns the weights after a step of SAM or, with eta, of ASAM, by its formula. most: the norm to clip at."""
    weight, bias = (tensor.detach().numpy().copy() for tensor in steps.model.parameters())
    scale = 1.0 if eta is None else np.abs(weight) + eta  # of the bias 1
    by_weight, by_bias = gradients(weight, bias)
    norm = np.sqrt((scale**2 * by_weight**2).sum() + (by_bias**2).sum())
    second = gradients(weight + RHO * scale**2 * by_weight / norm, bias + RHO * by_bias / norm)
    factor = min(1, most / np.sqrt(sum((gradient**2).sum() for gradient in second)))
    return weight - LR * factor * second[0], bias - LR * factor * second[1]


def assert_weights(steps: Steps, expected: tuple[np.ndarray, np.ndarray], rtol: float = 1e-9) -> None:
    for parameter, values in zip(steps.model.parameters(), expected, strict=True):
        np.testing.assert_allclose(parameter.detach().numpy(), values, rtol=rtol)


BOTH = pytest.mark.parametrize(
    ("sharpness", "eta"), [(Sam(rho=RHO), None), (Asam(rho=RHO, eta=0.01), 0.01)], ids=["sam", "asam"]
)


@BOTH
@pytest.mark.parametrize("micro_batch_size", [None, 4], ids=["whole", "in parts"])
def test_a_step_by_hand(sharpness: Sharpness, eta: float | None, micro_batch_size: int | None) -> None:
    steps = Steps(sharpness, micro_batch_size)
    expected = expected_step(steps, eta=eta)
    at_the_weights = nn.functional.cross_entropy(steps.model(IMAGES), LABELS).item()
    logits = steps.model(IMAGES).detach()
    loss, returned = steps.take()
    assert_weights(steps, expected)
    # The loss and the logits are those of the weights themselves.
    assert loss.item() == pytest.approx(at_the_weights)
    torch.testing.assert_close(returned, logits)
    plain = Steps(None)
    plain.take()
    assert not np.allclose(plain.model.weight.detach().numpy(), expected[0], rtol=1e-3)


@BOTH
def test_the_second_gradient_is_clipped_and_the_first_is_not(sharpness: Sharpness, eta: float | None) -> None:
    steps = Steps(sharpness, clip_grad_norm=0.05)
    expected = expected_step(steps, eta=eta, most=0.05)
    steps.take()
    assert_weights(steps, expected, rtol=1e-5)  # torch adds 1e-6 to the norm


def test_a_loss_scaler_changes_nothing_and_skips_a_step_of_infinite_gradients() -> None:
    steps = Steps(Sam(rho=RHO), scaler=torch.amp.GradScaler("cpu", init_scale=2.0**16))
    expected = expected_step(steps, eta=None)
    steps.take()
    assert_weights(steps, expected)
    before = [parameter.detach().clone() for parameter in steps.model.parameters()]
    steps.take(IMAGES * torch.inf)
    assert all(torch.equal(now, then) for now, then in zip(steps.model.parameters(), before, strict=True))


def test_weights_and_buffers_are_afterwards_those_of_before_to_the_bit() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Linear(4, 3), nn.BatchNorm1d(3), nn.InstanceNorm1d(3, track_running_stats=True))
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    optimizer = build_optimizer("sgd", model, lr=LR, weight_decay=0.0)
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    with sharpest_weights(model, optimizer, Sam(rho=RHO)):
        assert not torch.equal(model[0].weight, before["0.weight"])
        model[1](torch.randn(5, 3))
        model[2](torch.randn(5, 3, 4))
        assert model[1].num_batches_tracked == 1
    assert all(torch.equal(tensor, before[name]) for name, tensor in model.state_dict().items())


def test_a_group_without_a_learning_rate_stays_and_does_not_count() -> None:
    model = nn.Sequential(nn.Linear(4, 3), nn.Linear(3, 2))
    held = model[1].weight.detach().clone()
    group = {"parameters": ["1.*"], "name": "sgd", "lr": LR, "weight_decay": 0.0}
    optimizer = build_optimizer("sgd", model, lr=LR, weight_decay=0.0, groups=[group])
    for each in optimizer.param_groups:
        if each["group_index"] == 0:
            each["lr"] = 0.0
    for parameter in model.parameters():
        parameter.grad = torch.ones_like(parameter)
    before = model[0].weight.detach().clone()
    with sharpest_weights(model, optimizer, Sam(rho=RHO)):
        assert torch.equal(model[1].weight, held)
        torch.testing.assert_close(model[0].weight - before, torch.full((3, 4), RHO / np.sqrt(15)))  # 12 + 3 ones


def test_without_any_gradient_there_is_no_move() -> None:
    model = nn.Linear(4, 3)
    weight = model.weight.detach().clone()
    optimizer = build_optimizer("sgd", model, lr=LR, weight_decay=0.0)
    with sharpest_weights(model, optimizer, Sam()):
        assert torch.equal(model.weight, weight)
    for parameter in model.parameters():
        parameter.grad = torch.zeros_like(parameter)
    with sharpest_weights(model, optimizer, Sam()):
        assert torch.equal(model.weight, weight)


def test_batch_norms_averages_are_those_of_the_first_passes(tiny_training: Callable[..., Any]) -> None:
    training = tiny_training(epochs=1, validated=False)
    passes: list[dict[str, Tensor]] = []
    norm = training.state.model.norm
    norm.register_forward_hook(
        lambda module, args, output: passes.append({key: value.clone() for key, value in module.named_buffers()})
    )
    fit(training.state, replace(training.task, sharpness=Sam()), runtime=training.runtime)
    assert len(passes) == 2 * 4  # two for each of four batches
    assert norm.num_batches_tracked == 4
    assert all(torch.equal(value, passes[-2][key]) for key, value in norm.named_buffers())
