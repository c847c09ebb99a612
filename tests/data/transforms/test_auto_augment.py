"""AutoAugment's policy for CIFAR-10 against torchvision's on single images, with the same draws."""

from collections.abc import Callable

import torch
from torchvision.transforms import v2

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.auto_augment import POLICIES, AutoAugment, auto_augment
from cifar_cli.data.transforms.magnitude_space import SIGNED

TORCHVISION = v2.AutoAugment(v2.AutoAugmentPolicy.CIFAR10)


def test_the_policies_are_torchvisions() -> None:
    theirs = [tuple((name, chance, bin_ or 0) for name, chance, bin_ in policy) for policy in TORCHVISION._policies]
    assert [*POLICIES] == theirs


def test_each_image_equals_torchvisions_with_the_same_draws(
    random_batch: Callable[..., Batch],
    seeded: Callable[[int], torch.Generator],
    with_draws: Callable[..., torch.Tensor],
) -> None:
    policies = torch.arange(len(POLICIES)).repeat(3)
    images = random_batch(len(policies), 3, 28, 32).images
    chances = torch.rand(2, len(policies), generator=seeded(0))
    signs = 1 - 2 * torch.randint(2, chances.shape, generator=seeded(1))
    ours = auto_augment(images, policies=policies, chances=chances, signs=signs)
    for index, image in enumerate(images):
        uniform = []
        for step, (name, probability, _) in enumerate(POLICIES[int(policies[index])]):
            uniform.append(float(chances[step, index]))
            if uniform[-1] <= probability and name in SIGNED:
                uniform.append(0.5 + 0.1 * float(signs[step, index]))
        expected = with_draws(TORCHVISION, image, [int(policies[index])], uniform)
        assert float((ours[index] != expected).float().mean()) < 0.05, POLICIES[int(policies[index])]


def test_operations_happen_with_their_probabilities(seeded: Callable[[int], torch.Generator]) -> None:
    # Only an inversion makes a dark image of one colour bright. Two of the 25 policies invert, with probability 0.1,
    # and their other operation changes no image of one colour.
    images = torch.full((20_000, 3, 4, 4), 10, dtype=torch.uint8)
    batch = Batch(images, torch.zeros(20_000, dtype=torch.int64), torch.arange(20_000))
    inverted = (AutoAugment(True)(batch, seeded(0)).images >= 200).flatten(1).all(1)
    assert 110 < int(inverted.sum()) < 210  # 160 expected, standard deviation 13
