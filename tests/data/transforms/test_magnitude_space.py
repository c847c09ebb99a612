"""The magnitudes of the operations against torchvision's."""

import pytest
import torch
from torchvision.transforms import v2

from cifar_cli.data.transforms import trivial_augment
from cifar_cli.data.transforms.magnitude_space import MagnitudeSpace, autoaugment_ranges, magnitude_space

HEIGHT, WIDTH = 28, 32
RANGES = autoaugment_ranges(HEIGHT, WIDTH)
SPACES = {
    "TrivialAugment": (trivial_augment.SPACE, v2.TrivialAugmentWide._AUGMENTATION_SPACE, 31),
    "RandAugment": (magnitude_space(RANGES, bins=31), v2.RandAugment._AUGMENTATION_SPACE, 31),
    "AutoAugment": (magnitude_space(RANGES, bins=10), v2.AutoAugment._AUGMENTATION_SPACE, 10),
}


@pytest.mark.parametrize("name", SPACES)
def test_magnitudes_and_signs_are_torchvisions(name: str) -> None:
    space, torchvisions, bins = SPACES[name]
    # AutoAugment leaves an image as it is by chance, and inverts it without a magnitude.
    assert {*space.names} ^ {*torchvisions} == ({"Identity", "Invert"} if name == "AutoAugment" else set())
    for number, operation in enumerate(space.names):
        if operation == "Identity":
            continue
        magnitudes_of, is_signed = torchvisions[operation]
        magnitudes = magnitudes_of(bins, HEIGHT, WIDTH)
        ours = space.magnitudes[number]
        assert bool(space.is_signed[number]) == is_signed
        if operation == "Posterize":
            ours, magnitudes = ours.round(), magnitudes.float()
        assert torch.equal(ours, torch.zeros(bins) if magnitudes is None else magnitudes), operation


def test_a_sign_turns_the_magnitude_of_a_signed_operation_alone() -> None:
    space: MagnitudeSpace = magnitude_space({"Brightness": (0.0, 0.8), "Solarize": (1.0, 0.0)}, bins=5)
    images = torch.tensor([100, 100, 200, 100], dtype=torch.uint8).view(4, 1, 1, 1)
    changed = space.apply(
        images,
        numbers=torch.tensor([0, 0, 1, 1]),
        bins=torch.tensor([4, 2, 2, 2]),
        signs=torch.tensor([1, -1, -1, 1]),
    )
    assert changed.flatten().tolist() == [180, 60, 55, 100]
