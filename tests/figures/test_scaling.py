"""The one scaling of all pictures, on numbers worked by hand."""

import torch

from cifar_cli.figures.scaling import fraction_of, scale_maps, to_pictures


def test_a_signed_scale_puts_zero_in_the_middle() -> None:
    scaled = scale_maps(torch.tensor([[[[-1.0, 0.0, 4.0]]]]), may_be_signed=True)
    assert scaled.is_signed
    assert scaled.unit.flatten().tolist() == [0.375, 0.5, 1.0]
    assert not scale_maps(torch.tensor([[[[0.0, 4.0]]]]), may_be_signed=True).is_signed


def test_one_scale_can_be_shared_by_all_channels() -> None:
    features = torch.tensor([[[[0.0, 1.0]], [[0.0, 10.0]]]])
    assert scale_maps(features).unit.flatten().tolist() == [0, 1, 0, 1]
    shared = scale_maps(features, is_scale_shared=True)
    assert torch.equal(shared.unit.flatten(), torch.tensor([0, 0.1, 0, 1]))
    assert (shared.low.tolist(), shared.high.tolist()) == ([0, 0], [10, 10])


def test_a_largest_value_of_zero_divides_nothing() -> None:
    assert fraction_of(torch.tensor([0.0, 3.0]), torch.tensor([0.0, 6.0])).tolist() == [0, 0.5]


def test_images_of_any_kind_become_colour_pictures() -> None:
    grey = torch.tensor([[[[7, 8]]]], dtype=torch.uint8)
    assert to_pictures(grey).tolist() == [[[[7, 8]], [[7, 8]], [[7, 8]]]]
    assert to_pictures(torch.tensor([[[[1.2]], [[0.2]], [[-0.5]]]])).flatten().tolist() == [255, 51, 0]
