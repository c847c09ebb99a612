"""The figures of a network's life against numbers worked by hand and torch's own."""

import copy

import pytest
import torch
from torch import nn

from cifar_cli.analysis.activity import (
    activation_figures,
    copied_weights,
    gradient_figures,
    to_numbers,
    total_update,
    update_figures,
)


def network() -> nn.Sequential:
    """Two units on two inputs, the second of which puts out −1 and less, and so is shut by the ReLU."""
    model = nn.Sequential()
    model.fc, model.relu, model.flatten = nn.Linear(2, 2), nn.ReLU(inplace=True), nn.Flatten()
    with torch.no_grad():
        model.fc.weight.copy_(torch.tensor([[1.0, 2.0], [-1.0, 0.0]]))
        model.fc.bias.copy_(torch.tensor([0.0, -1.0]))
    return model


def test_mean_deviation_and_dead_units_are_those_worked_by_hand() -> None:
    # [1, 1] → [3, −2] → [3, 0]; [0, 1] → [2, −1] → [2, 0]
    figures = to_numbers(activation_figures(network(), torch.tensor([[1.0, 1.0], [0.0, 1.0]])))
    assert figures == {
        "fc/mean": 0.5,
        "fc/std": pytest.approx(4.25**0.5),  # of 3, −2, 2, −1: (9 + 4 + 4 + 1) / 4 − 0.25
        "relu/mean": 1.25,
        "relu/std": pytest.approx((13 / 4 - 1.25**2) ** 0.5),
        "relu/dead": 0.5,
    }


def test_a_channel_counts_as_dead_only_where_every_pixel_of_every_image_is_zero() -> None:
    model = nn.Sequential(nn.ReLU())
    images = -torch.ones(2, 4, 3, 3)
    images[1, 0, 2, 2] = 0.5
    assert to_numbers(activation_figures(model, images))["0/dead"] == 0.75


def test_batch_norm_and_dropout_are_measured_as_they_are_used_and_left_as_they_were() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Dropout(0.9))
    before = copy.deepcopy(model.state_dict())
    images = torch.randn(5, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    random_state = torch.get_rng_state()
    figures = to_numbers(activation_figures(model, images))
    assert set(figures) == {"0/mean", "0/std", "1/mean", "1/std", "2/mean", "2/std", "2/dead"}
    with torch.no_grad():
        output = model.eval()[:2](images)
    model.train()
    assert figures["1/mean"] == pytest.approx(output.mean().item(), abs=1e-6)
    assert figures["1/std"] == pytest.approx(output.std(correction=0).item(), rel=1e-5)
    assert all(module.training for module in model.modules())
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert torch.equal(torch.get_rng_state(), random_state)
    assert not any(module._forward_hooks for module in model.modules())


def test_a_layers_gradient_norm_is_that_of_weight_and_bias_together() -> None:
    model = network()
    model.fc.weight.grad = torch.tensor([[1.0, 2.0], [2.0, 0.0]])
    model.fc.bias.grad = torch.tensor([4.0, 0.0])
    assert to_numbers(gradient_figures(model)) == {"fc": 5.0}


def test_without_a_gradient_its_norm_is_zero_and_frozen_layers_are_not_asked() -> None:
    model = nn.Sequential(nn.Linear(2, 2), nn.Linear(2, 2).requires_grad_(False))
    assert to_numbers(gradient_figures(model)) == {"0": 0.0}


def test_the_update_ratio_is_the_fraction_of_their_norm_by_which_the_weights_moved() -> None:
    model = nn.Sequential(nn.Linear(2, 1, bias=False))
    with torch.no_grad():
        model[0].weight.copy_(torch.tensor([[3.0, 4.0]]))
        before = copied_weights(model)
        model[0].weight += torch.tensor([[0.03, -0.04]])
    assert to_numbers(update_figures(model, before)) == {"0": pytest.approx(0.01, rel=1e-5)}


def test_the_total_update_takes_all_weights_together_and_accepts_zeros() -> None:
    model = nn.Sequential(nn.Linear(1, 1, bias=False), nn.Linear(1, 1, bias=False))
    with torch.no_grad():
        model[0].weight.fill_(5.0)
        model[1].weight.fill_(0.0)
        before = copied_weights(model)
        model[0].weight.fill_(8.0)
        model[1].weight.fill_(4.0)
    assert total_update(model, before).item() == 1.0  # √(3² + 4²) / 5


def test_weights_that_are_frozen_after_the_copy_are_compared_all_the_same() -> None:
    model = nn.Sequential(nn.Linear(1, 1))
    nn.init.constant_(model[0].weight, 3.0)
    nn.init.constant_(model[0].bias, 4.0)
    before = copied_weights(model)
    nn.init.constant_(model[0].bias, 5.0)
    model[0].bias.requires_grad_(False)
    assert to_numbers(update_figures(model, before)) == {"0": pytest.approx(0.2)}  # 1 of √(3² + 4²)
    assert total_update(model, before).item() == pytest.approx(0.2)


def test_weights_of_zero_have_a_finite_ratio() -> None:
    model = nn.Sequential(nn.Linear(2, 1))
    nn.init.zeros_(model[0].weight)
    nn.init.zeros_(model[0].bias)
    assert to_numbers(update_figures(model, copied_weights(model))) == {"0": 0.0}


def test_no_figures_are_no_numbers() -> None:
    assert to_numbers({}) == {}
