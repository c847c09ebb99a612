"""The images with the largest activations, against a search through everything."""

import pytest
import torch
from torch import nn

from cifar_cli.analysis.top_activations import top_activations
from cifar_cli.data.normalize import to_unit


def test_it_finds_what_a_search_through_all_values_finds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("cifar_cli.analysis.top_activations.BATCH_SIZE", 4)
    torch.manual_seed(0)
    images = torch.randint(256, (11, 3, 6, 5), dtype=torch.uint8)
    model = nn.Sequential(nn.Conv2d(3, 4, 3, padding=1))
    found = top_activations(model, images, layer="0", preprocess=to_unit, per_unit=3, max_units=2)
    with torch.no_grad():
        output = model(to_unit(images))
    assert found.images.shape == (2, 3)
    for unit in range(2):
        everything = sorted(
            ((output[n, unit].max().item(), n) for n in range(11)), key=lambda pair: (-pair[0], pair[1])
        )[:3]
        assert found.images[unit].tolist() == [number for _, number in everything]
        for rank, (value, number) in enumerate(everything):
            assert found.values[unit, rank].item() == pytest.approx(value)
            row, column = int(found.rows[unit, rank]), int(found.columns[unit, rank])
            assert output[number, unit, row, column].item() == pytest.approx(value)


def test_a_bright_pixel_is_found_where_it_is() -> None:
    images = torch.zeros(3, 1, 5, 7, dtype=torch.uint8)
    images[1, 0, 3, 6], images[2, 0, 0, 2] = 255, 51
    model = nn.Sequential(nn.Identity())
    found = top_activations(model, images, layer="0", preprocess=to_unit, per_unit=2, max_units=8)
    assert found.images.tolist() == [[1, 2]]
    assert found.values.tolist() == [[1.0, pytest.approx(0.2)]]
    assert (found.rows.tolist(), found.columns.tolist()) == ([[3, 0]], [[6, 2]])


def test_of_equals_the_first_image_and_place_count() -> None:
    images = torch.full((3, 1, 2, 2), 255, dtype=torch.uint8)
    found = top_activations(
        nn.Sequential(nn.Identity()), images, layer="0", preprocess=to_unit, per_unit=2, max_units=1
    )
    assert found.images.tolist() == [[0, 1]]
    assert found.rows.tolist() == found.columns.tolist() == [[0, 0]]


def test_values_of_a_vector_are_units_too() -> None:
    images = torch.tensor([[10, 200], [90, 20]], dtype=torch.uint8).view(2, 1, 1, 2)
    model = nn.Sequential(nn.Flatten())
    found = top_activations(model, images, layer="0", preprocess=to_unit, per_unit=1, max_units=5)
    assert found.images.tolist() == [[1], [0]]
    assert found.values[:, 0].tolist() == [pytest.approx(90 / 255), pytest.approx(200 / 255)]
