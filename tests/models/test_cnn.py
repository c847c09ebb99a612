"""The CNN: parameters counted by hand, the shapes of its blocks, and dropout."""

import pytest
import torch

from cifar_cli.models.cnn import CNN


def test_cnn_counts_its_parameters_as_worked_by_hand() -> None:
    model = CNN(image_shape=(3, 32, 32), num_classes=10, widths=(8, 16))
    # Convolutions have no bias; each BatchNorm has a scale and a shift per channel.
    first = 9 * 3 * 8 + 2 * 8 + 9 * 8 * 8 + 2 * 8
    second = 9 * 8 * 16 + 2 * 16 + 9 * 16 * 16 + 2 * 16
    assert sum(parameter.numel() for parameter in model.parameters()) == first + second + 16 * 10 + 10


def test_each_block_of_the_cnn_halves_the_feature_map() -> None:
    model = CNN(image_shape=(3, 32, 32), num_classes=10, widths=(4, 6, 8))
    features, sizes = torch.zeros(2, 3, 32, 32), []
    for block in model.blocks:
        features = block(features)
        sizes.append(tuple(features.shape[1:]))
    assert sizes == [(4, 16, 16), (6, 8, 8), (8, 4, 4)]


def test_pooling_before_the_normalization_of_a_block_equals_pooling_after_it() -> None:
    # With a scale that keeps its sign, the largest of normalised values is the normalised largest value; the
    # statistics differ in training, so this holds for the averages that evaluation uses.
    block = CNN(image_shape=(3, 8, 8), num_classes=10, widths=(4,)).blocks[0].eval()
    images = torch.randn(2, 3, 8, 8, generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        block.norm1.running_mean.uniform_(-1, 1)
        convolved = block.conv1(images)
        assert torch.allclose(block.norm1(block.pool(convolved)), block.pool(block.norm1(convolved)))


@pytest.mark.parametrize(("is_training", "differs"), [(True, True), (False, False)])
def test_dropout_of_the_cnn_works_in_training_alone(is_training: bool, differs: bool) -> None:
    torch.manual_seed(0)
    model = CNN(image_shape=(3, 8, 8), num_classes=10, widths=(4,), dropout=0.5).train(is_training)
    model.blocks.eval()  # BatchNorm would change its averages from call to call
    images = torch.randn(4, 3, 8, 8)
    assert torch.equal(model(images), model(images)) is not differs
