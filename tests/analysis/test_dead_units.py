"""Zeros and dead units, counted by hand."""

from collections import OrderedDict

import pytest
import torch
from torch import nn

from cifar_cli.analysis.dead_units import measure_sparsity
from cifar_cli.data.normalize import to_unit


def test_zeros_of_each_channel_are_counted_over_all_images_and_places() -> None:
    # One image of pixels 0 and 255 in halves, one all 255: as [0, 1], minus what the layers below take away.
    images = torch.full((2, 1, 2, 2), 255, dtype=torch.uint8)
    images[0, 0, 0] = 0
    conv = nn.Conv2d(1, 3, 1)
    conv.weight.data = torch.tensor([1.0, -1.0, 1.0]).view(3, 1, 1, 1)
    conv.bias.data = torch.tensor([0.0, 0.0, 1.0])
    model = nn.Sequential(OrderedDict(conv=conv, relu=nn.ReLU()))
    sparsity = measure_sparsity(model, images, layers=["relu"], preprocess=to_unit)["relu"]
    # x is zero at 2 of 8 places; max(0, −x) always; x + 1 never.
    assert sparsity.zero_fractions.tolist() == [0.25, 1.0, 0.0]
    assert sparsity.dead.tolist() == [False, True, False]
    assert sparsity.overall == pytest.approx(10 / 24)
    assert sparsity.summary == (
        "over 2 images 41.7 % of the values are zero; 1 of 3 units (33 %) are dead, zero for every one of them."
    )


def test_batches_change_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    torch.manual_seed(0)
    images = torch.randint(256, (7, 3, 4, 4), dtype=torch.uint8)
    model = nn.Sequential(OrderedDict(flatten=nn.Flatten(), fc=nn.Linear(48, 5), relu=nn.ReLU()))
    whole = measure_sparsity(model, images, layers=["relu"], preprocess=to_unit)["relu"]
    monkeypatch.setattr("cifar_cli.analysis.dead_units.BATCH_SIZE", 3)
    in_parts = measure_sparsity(model, images, layers=["relu"], preprocess=to_unit)["relu"]
    assert torch.equal(whole.zero_fractions, in_parts.zero_fractions)
    with torch.no_grad():
        by_torch = (model(to_unit(images)) == 0).double().mean(dim=0)
    assert torch.allclose(whole.zero_fractions, by_torch)


def test_one_image_and_one_unit_are_singular() -> None:
    model = nn.Sequential(OrderedDict(flatten=nn.Flatten(), fc=nn.Linear(4, 1), relu=nn.ReLU()))
    model.fc.weight.data.fill_(-1.0)
    model.fc.bias.data.fill_(0.0)
    images = torch.full((1, 1, 2, 2), 255, dtype=torch.uint8)
    sparsity = measure_sparsity(model, images, layers=["relu"], preprocess=to_unit)["relu"]
    assert sparsity.summary == (
        "over 1 image 100.0 % of the values are zero; 1 of 1 unit (100 %) are dead, zero for every one of them."
    )
