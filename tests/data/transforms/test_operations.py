"""The operations of the automatic augmentations against torchvision on single images, and their choice per image."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor
from torchvision.transforms import InterpolationMode, v2

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.operations import OPERATIONS, apply_one_each

TORCHVISION = v2.AutoAugment()
# The strongest of TrivialAugment's wide space, which holds those of the two others but for the inversion.
STRONGEST = {**dict.fromkeys(("ShearX", "ShearY"), 0.99), **dict.fromkeys(("TranslateX", "TranslateY"), 32.0)}
STRONGEST |= {"Rotate": 135.0, **dict.fromkeys(("Brightness", "Color", "Contrast", "Sharpness"), 0.99)}
# A value on the border of two may fall to either by float32's last bit; the others are equal to the bit.
ROUNDED = ("ShearX", "ShearY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness", "Solarize", "AutoContrast")


def magnitudes_of(name: str) -> Tensor:
    if name == "Posterize":
        return torch.tensor([8.0, 7.0, 6.0, 4.0, 2.0])
    if name == "Solarize":
        return torch.tensor([1.0, 0.9, 0.5, 0.1, 0.0])
    return torch.tensor([0.0, -0.11, 0.37, -0.7, 1.0]) * STRONGEST.get(name, 0.0)


@pytest.mark.parametrize("channels", [1, 3])
@pytest.mark.parametrize("name", OPERATIONS)
def test_each_image_with_its_magnitude_equals_torchvision(
    name: str, channels: int, random_batch: Callable[..., Batch]
) -> None:
    images, magnitudes = random_batch(5, channels, 28, 32).images // 2 + 40, magnitudes_of(name)
    images[1, 0] = 9  # a channel with one value
    ours = OPERATIONS[name](images, magnitudes)
    for index, image in enumerate(images):
        expected = TORCHVISION._apply_image_or_video_transform(
            image, name, float(magnitudes[index]), interpolation=InterpolationMode.NEAREST, fill={}
        )
        different = float((ours[index] != expected).float().mean())
        assert different < 0.01 if name in ROUNDED else different == 0, index


def test_an_image_is_changed_by_its_own_operation_with_its_own_magnitude() -> None:
    images = torch.arange(6, dtype=torch.uint8).view(6, 1, 1, 1)
    operations = [
        lambda images, magnitude: images + magnitude.view(-1, 1, 1, 1).byte(),
        lambda images, magnitude: pytest.fail("no image has it"),
        lambda images, magnitude: images * magnitude.view(-1, 1, 1, 1).byte(),
    ]
    numbers, magnitudes = torch.tensor([2, 0, 2, 0, 0, 2]), torch.tensor([5.0, 10, 20, 30, 40, 50])
    changed = apply_one_each(images, operations, numbers=numbers, magnitudes=magnitudes)
    assert changed.flatten().tolist() == [0 * 5, 1 + 10, 2 * 20, 3 + 30, 4 + 40, 5 * 50]
