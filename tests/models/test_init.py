"""Initializations of weights, measured on data and worked by hand."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from cifar_cli.models import init
from cifar_cli.models.init import can_whiten, dirac_init_, unit_std_init_, whitening_init_


def smooth_images(count: int) -> torch.Tensor:
    """Returns images with correlated neighbouring pixels, as in photographs."""
    noise = torch.randn(count, 3, 36, 36, generator=torch.Generator().manual_seed(0))
    return F.avg_pool2d(noise, 5, stride=1)


@pytest.mark.parametrize("at_a_time", [500, 64])  # all 200 images together, and in three parts and a smaller one
def test_whitened_patches_have_unit_covariance(at_a_time: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(init, "IMAGES_AT_A_TIME", at_a_time)
    layer = nn.Conv2d(3, 24, kernel_size=2)
    images = smooth_images(200)
    whitening_init_(layer, images, eps=0.0)
    with torch.no_grad():
        responses = layer(images)  # (N, 24, 31, 31)
    assert torch.allclose(responses[:, 12:], -responses[:, :12], atol=1e-4)
    flat = responses[:, :12].transpose(0, 1).flatten(1).double()
    assert torch.allclose(flat @ flat.T / flat.shape[1], torch.eye(12).double(), atol=1e-3)


def test_eps_keeps_directions_without_variance_from_being_blown_up() -> None:
    layer = nn.Conv2d(3, 24, kernel_size=2, bias=False)
    whitening_init_(layer, torch.ones(10, 3, 8, 8))  # one direction, all pixels alike, carries everything
    # Its eigenvalue is 12, so the first filter is 1/√12 in each place, over √(12 + 5e-4); the others over √5e-4.
    assert torch.allclose(layer.weight[0].abs(), torch.full((3, 2, 2), 1 / 12.00025), atol=1e-5)
    assert torch.allclose(layer.weight[1:12].flatten(1).norm(dim=1), torch.full((11,), 5e-4**-0.5), rtol=1e-3)


def test_whitening_filters_come_in_the_order_of_their_eigenvalues() -> None:
    layer = nn.Conv2d(3, 24, kernel_size=2)
    whitening_init_(layer, smooth_images(200))
    sizes = layer.weight[:12].flatten(1).norm(dim=1)  # 1/√eigenvalue: the strongest direction has the smallest filter
    assert torch.equal(sizes, sizes.sort().values)
    assert not layer.bias.any()


@pytest.mark.parametrize(
    ("layer", "can"),
    [(nn.Conv2d(3, 24, 2), True), (nn.Conv2d(1, 8, 2), True), (nn.Conv2d(3, 32, 2), False), (nn.Linear(12, 24), False)],
    ids=str,
)
def test_a_layer_whitens_with_two_filters_for_each_number_of_a_patch(layer: nn.Module, can: bool) -> None:
    assert can_whiten(layer) is can


def test_a_dirac_convolution_returns_its_input_channels() -> None:
    model = nn.Sequential(nn.Conv2d(4, 6, 3, padding=1, bias=False))
    images = torch.randn(2, 4, 8, 8, generator=torch.Generator().manual_seed(0))
    dirac_init_(model)
    with torch.no_grad():
        assert torch.equal(model(images)[:, :4], images)
        assert model[0].weight[4:].abs().min() > 0


@pytest.mark.parametrize(
    "layer",
    [nn.Conv2d(4, 6, 3, padding=1), nn.Conv2d(5, 5, (1, 3), padding=(0, 1)), nn.Conv2d(3, 4, 1)],
    ids=str,
)
def test_the_filters_that_return_their_input_are_those_of_torchs_dirac(layer: nn.Conv2d) -> None:
    expected = nn.init.dirac_(layer.weight.detach()[: layer.in_channels].clone())
    dirac_init_(nn.Sequential(layer))
    assert torch.equal(layer.weight[: layer.in_channels], expected)


@pytest.mark.parametrize(
    "layer",
    [
        nn.Conv2d(6, 4, 3, padding=1),
        nn.Conv2d(4, 8, 3),
        nn.Conv2d(4, 8, 3, padding=1, stride=2),
        nn.Conv2d(4, 8, 3, padding=1, groups=2),
        nn.Conv2d(3, 24, 2),
    ],
    ids=str,
)
def test_other_convolutions_keep_torchs_initialization(layer: nn.Conv2d) -> None:
    before = layer.weight.detach().clone()
    dirac_init_(nn.Sequential(layer))
    assert torch.equal(layer.weight, before)


def test_unit_std_only_scales_the_weights() -> None:
    layer = nn.Linear(256, 10)
    before = layer.weight.detach().clone()
    unit_std_init_(layer)
    assert float(layer.weight.detach().std()) == pytest.approx(1.0, abs=1e-5)
    assert torch.allclose(layer.weight / before, (1 / before.std()).expand_as(before))
