"""LeNet-5: its parameters counted by hand, and the smallest image."""

import pytest
import torch

from cifar_cli.models.lenet5 import LeNet5
from cifar_cli.models.table import MODELS


@pytest.mark.parametrize(("shape", "pixels"), [((3, 32, 32), 25), ((1, 28, 28), 16), ((3, 64, 64), 169)])
def test_its_parameters_are_those_counted_by_hand(shape: tuple[int, int, int], pixels: int) -> None:
    model = LeNet5(image_shape=shape, num_classes=10)
    filters = 6 * (25 * shape[0] + 1) + 16 * (25 * 6 + 1)
    linear = 120 * (16 * pixels + 1) + 84 * (120 + 1) + 10 * (84 + 1)
    assert sum(parameter.numel() for parameter in model.parameters()) == filters + linear
    assert model(torch.randn(2, *shape)).shape == (2, 10)


def test_the_table_knows_the_smallest_side() -> None:
    least = MODELS["lenet5"]().least_side
    assert LeNet5(image_shape=(3, least, least), num_classes=10)(torch.randn(1, 3, least, least)).shape == (1, 10)
    with pytest.warns(UserWarning, match="zero-element"):  # nothing is left of a smaller image
        assert LeNet5(image_shape=(3, least - 1, least - 1), num_classes=10).fc1.in_features == 0


def test_smaller_images_are_refused_with_the_smallest_side() -> None:
    keys = MODELS["lenet5"]()
    assert keys.side_issue(16) is None
    finding = "expected a model for images of 12×12 pixels, found lenet5, which needs 16"
    assert keys.side_issue(12) == ("name", finding, "write model: {name: cnn}")
