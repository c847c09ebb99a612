"""Steps held against torch's own optimisers; groups and clipping against what was asked for."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.config import Experiment, schema
from cifar_cli.training.optimizers import OPTIMIZERS, build_optimizer, parameter_groups


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), flatten=nn.Flatten(), fc=nn.Linear(64, 5))
    )


def give_gradients(model: nn.Module, *, seed: int = 1, scale: float = 1.0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = scale * torch.randn(parameter.shape, generator=generator)


CASES = {
    "sgd": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam": (torch.optim.Adam, {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-7}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-7}),
}


def test_every_optimizer_of_the_table_is_held_against_torch() -> None:
    assert set(CASES) == set(OPTIMIZERS)


@pytest.mark.parametrize("name", CASES)
def test_three_steps_equal_those_of_torchs_own_optimizer(name: str) -> None:
    own, arguments = CASES[name]
    model, twin = small_network(), small_network()
    built = build_optimizer(name, model, weight_decay=0.05, **arguments)
    weights = [twin.conv.weight, twin.fc.weight]
    others = [twin.conv.bias, twin.norm.weight, twin.norm.bias, twin.fc.bias]
    expected = own([{"params": weights, "weight_decay": 0.05}, {"params": others, "weight_decay": 0.0}], **arguments)
    for step in range(3):
        for network, optimizer in ((model, built), (twin, expected)):
            give_gradients(network, seed=step)
            optimizer.step()
    for (key, value), other in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(value, other, rtol=0, atol=0, msg=key)


@pytest.mark.parametrize(
    ("norm", "width"), [(nn.BatchNorm2d(4), 4), (nn.GroupNorm(2, 4), 4), (nn.LayerNorm((4, 6, 6)), 144)]
)
def test_biases_and_normalisations_are_exempt_from_weight_decay_and_nothing_else_is(
    norm: nn.Module, width: int
) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.Flatten(), nn.Linear(144, 5))
    decayed, exempt = parameter_groups(model, weight_decay=0.1)
    assert (decayed["weight_decay"], exempt["weight_decay"]) == (0.1, 0.0)
    assert [id(p) for p in decayed["params"]] == [id(model[0].weight), id(model[3].weight)]
    assert {id(p) for p in exempt["params"]} == {id(p) for p in (model[0].bias, norm.weight, norm.bias, model[3].bias)}
    assert norm.weight.numel() == width


def test_everything_decays_when_that_is_asked_for() -> None:
    groups = parameter_groups(small_network(), weight_decay=0.1, decay_norm_and_bias=True)
    assert [(len(group["params"]), group["weight_decay"]) for group in groups] == [(6, 0.1)]


def test_frozen_parameters_are_left_out_and_no_group_is_empty() -> None:
    model = small_network()
    model.conv.requires_grad_(False)
    model.norm.requires_grad_(False)
    model.fc.bias.requires_grad_(False)
    groups = parameter_groups(model, weight_decay=0.1)
    assert [[id(p) for p in group["params"]] for group in groups] == [[id(model.fc.weight)]]


def total_norm(gradients: list[Tensor]) -> float:
    return sum(float((gradient.double() ** 2).sum()) for gradient in gradients) ** 0.5


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_gradients_are_clipped_to_the_norm_before_the_step_and_small_ones_are_left_alone(scale: float) -> None:
    model = small_network()
    optimizer = build_optimizer("sgd", model, weight_decay=0.0, clip_grad_norm=0.5, lr=1.0)
    give_gradients(model, scale=scale)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    optimizer.step()
    # At a learning rate of 1 what the parameters moved by is the gradient that the step used.
    moved = [old - parameter.detach() for old, parameter in zip(before, model.parameters(), strict=True)]
    assert total_norm(moved) == pytest.approx(min(total_norm(gradients), 0.5), rel=1e-4)


OPTIMIZER_SECTIONS = schema.KINDS["optimizer"]


@pytest.mark.parametrize("name", OPTIMIZER_SECTIONS)
def test_the_configurations_keys_are_the_builders_arguments(name: str) -> None:
    arguments = OPTIMIZER_SECTIONS[name]().model_dump()
    optimizer = build_optimizer(model=small_network(), fused=True, **arguments)
    assert type(optimizer) is CASES[name][0]
    assert optimizer.param_groups[0]["lr"] == arguments["lr"]
    assert optimizer.param_groups[0]["weight_decay"] == arguments["weight_decay"]


def test_the_table_and_the_configuration_name_the_same_optimizers() -> None:
    assert set(OPTIMIZERS) == set(OPTIMIZER_SECTIONS)
    assert Experiment.model_fields["optimizer"].default.name in OPTIMIZERS
