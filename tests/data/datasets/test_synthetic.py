"""The synthetic set: the same everywhere, learnable for a small CNN and not for a linear model."""

import hashlib
from functools import cache

import numpy as np
import pytest
import torch
import torch.nn.functional as F
from torch import Tensor, nn

from cifar_cli.data.datasets.synthetic import SHAPES, draw_shapes, synthetic_sets
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.normalize import to_unit


@cache
def default_sets() -> tuple[ImageSet, ImageSet]:
    return synthetic_sets()


def drawn(name: str, *, radius: int = 10) -> np.ndarray:
    """Returns how much of each pixel an upright shape in the middle covers, (32, 32) in [0, 1]."""
    middles = (np.arange(32, dtype=np.int32) * 64 + 32 - 16 * 64)[None]
    u, v = np.broadcast_arrays(middles[:, None, :], middles[:, :, None])
    distance = SHAPES[name](u, v, np.full((1, 1, 1), radius * 64, dtype=np.int32))[0]
    return np.clip(0.5 - distance / 64, 0, 1)


def train(model: nn.Module, images: Tensor, labels: Tensor, *, epochs: int, lr: float) -> None:
    torch.manual_seed(0)
    optimizer = torch.optim.AdamW(model.parameters(), lr=lr)
    batches = [batch for _ in range(epochs) for batch in torch.randperm(len(labels)).split(64)]
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, lr, total_steps=len(batches))
    for batch in batches:
        loss = F.cross_entropy(model(images[batch]), labels[batch])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        schedule.step()


def accuracy(model: nn.Module, image_set: ImageSet) -> float:
    with torch.inference_mode():
        logits = model.eval()(to_unit(image_set.images))
    return (logits.argmax(1) == image_set.labels).float().mean().item()


def test_format_is_that_of_cifar10_with_balanced_classes():
    for image_set, size in zip(default_sets(), (10_000, 2_000), strict=True):
        assert image_set.images.shape == (size, 3, 32, 32)
        assert torch.bincount(image_set.labels).tolist() == [size // 10] * 10
        assert image_set.class_names == tuple(SHAPES)
        assert image_set.name == "synthetic"


def test_images_are_the_same_on_every_machine():
    """The sum of what was drawn and looked at when the set was made: it moves only if someone moves it."""
    digest = hashlib.md5(default_sets()[0].images.numpy().tobytes()).hexdigest()
    assert digest == "68968f7594eb5f0abbc5c91328d9180f"


def test_drawing_takes_no_numbers_from_global_generators_and_does_not_depend_on_threads():
    before, threads = torch.get_rng_state(), torch.get_num_threads()
    np_before = np.random.get_state()[1].tolist()
    first = draw_shapes(300, seed=3)
    torch.set_num_threads(threads + 1)
    second = draw_shapes(300, seed=3)
    torch.set_num_threads(threads)
    assert torch.equal(first.images, second.images)
    assert torch.equal(torch.get_rng_state(), before)
    assert np.random.get_state()[1].tolist() == np_before


def test_training_and_test_images_differ():
    train_set, test_set = default_sets()
    seen = {image.numpy().tobytes() for image in train_set.images}
    assert len(seen) == 10_000
    assert not any(image.numpy().tobytes() in seen for image in test_set.images)


@pytest.mark.parametrize(
    ("name", "area"),
    [  # worked out for radius 10, in pixels
        ("circle", 3.1416 * 10**2),
        ("ring", 3.1416 * (10**2 - 6.25**2)),
        ("square", 16.25**2),
        ("frame", 17.5**2 - 10**2),
        ("triangle", 3 * 3**0.5 / 4 * 10**2),
        ("cross", 2 * 20 * 5 - 5 * 5),
        ("star", 1.1226 * 12.45**2),
        ("bar", 20 * 5),
        ("hourglass", 4 * (0.75 * 8.75**2 / 2 + 8.75)),
    ],
)
def test_area_of_each_shape_is_that_of_its_formula(name: str, area: float):
    assert drawn(name).sum() == pytest.approx(area, rel=0.02)


@pytest.mark.parametrize("name", SHAPES)
def test_no_shape_reaches_beyond_five_quarters_of_its_size(name: str):
    rows, columns = np.nonzero(drawn(name))
    assert np.hypot(rows - 15.5, columns - 15.5).max() < 12.5 + 1  # a pixel at the edge is covered in part


def test_crescent_is_a_circle_with_a_bite_out_of_it():
    circle, crescent = drawn("circle") > 0.5, drawn("crescent") > 0.5
    assert not (crescent & ~circle).any()
    assert crescent[16, 7]
    assert not crescent[16, 20]


def test_small_cnn_reaches_over_90_percent():
    def block(in_channels: int, out_channels: int, kernel_size: int, stride: int) -> nn.Sequential:
        convolution = nn.Conv2d(in_channels, out_channels, kernel_size, stride, padding=kernel_size // 2, bias=False)
        return nn.Sequential(convolution, nn.BatchNorm2d(out_channels), nn.ReLU())

    torch.manual_seed(0)
    layers = [block(3, 24, 5, 2), block(24, 32, 3, 2), block(32, 48, 3, 1), nn.MaxPool2d(2)]
    model = nn.Sequential(*layers, nn.Flatten(), nn.Linear(48 * 4 * 4, 10)).to(memory_format=torch.channels_last)
    train_set, test_set = default_sets()
    images = to_unit(train_set.images).to(memory_format=torch.channels_last)
    train(model, images, train_set.labels, epochs=3, lr=0.01)
    assert accuracy(model, test_set) > 0.9


def test_linear_model_stays_below_60_percent():
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(3072, 10))
    train_set, test_set = default_sets()
    train(model, to_unit(train_set.images), train_set.labels, epochs=6, lr=0.002)
    assert accuracy(model, train_set) > 0.15  # it has learnt what it can
    assert accuracy(model, test_set) < 0.6
