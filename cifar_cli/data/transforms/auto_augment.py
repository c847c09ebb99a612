"""AutoAugment: one of the pairs of operations that a search found for CIFAR-10, on each image."""

from dataclasses import replace

import torch
from torch import Generator, Tensor

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.draw import host_integers, host_signs, host_uniform
from cifar_cli.data.transforms.magnitude_space import NO_MAGNITUDE, autoaugment_ranges, magnitude_space

BINS = 10
Step = tuple[str, float, int]  # the operation, its probability, and the bin of its magnitude, 0 if it has none

# Source: Cubuk et al., arXiv:1805.09501, table 7, as corrected in torchvision's AutoAugmentPolicy.CIFAR10.
POLICIES: tuple[tuple[Step, Step], ...] = (
    (("Invert", 0.1, 0), ("Contrast", 0.2, 6)),
    (("Rotate", 0.7, 2), ("TranslateX", 0.3, 9)),
    (("Sharpness", 0.8, 1), ("Sharpness", 0.9, 3)),
    (("ShearY", 0.5, 8), ("TranslateY", 0.7, 9)),
    (("AutoContrast", 0.5, 0), ("Equalize", 0.9, 0)),
    (("ShearY", 0.2, 7), ("Posterize", 0.3, 7)),
    (("Color", 0.4, 3), ("Brightness", 0.6, 7)),
    (("Sharpness", 0.3, 9), ("Brightness", 0.7, 9)),
    (("Equalize", 0.6, 0), ("Equalize", 0.5, 0)),
    (("Contrast", 0.6, 7), ("Sharpness", 0.6, 5)),
    (("Color", 0.7, 7), ("TranslateX", 0.5, 8)),
    (("Equalize", 0.3, 0), ("AutoContrast", 0.4, 0)),
    (("TranslateY", 0.4, 3), ("Sharpness", 0.2, 6)),
    (("Brightness", 0.9, 6), ("Color", 0.2, 8)),
    (("Solarize", 0.5, 2), ("Invert", 0.0, 0)),
    (("Equalize", 0.2, 0), ("AutoContrast", 0.6, 0)),
    (("Equalize", 0.2, 0), ("Equalize", 0.6, 0)),
    (("Color", 0.9, 9), ("Equalize", 0.6, 0)),
    (("AutoContrast", 0.8, 0), ("Solarize", 0.2, 8)),
    (("Brightness", 0.1, 3), ("Color", 0.7, 0)),
    (("Solarize", 0.4, 5), ("AutoContrast", 0.9, 0)),
    (("TranslateY", 0.9, 9), ("TranslateY", 0.7, 9)),
    (("AutoContrast", 0.9, 0), ("Solarize", 0.8, 3)),
    (("Equalize", 0.8, 0), ("Invert", 0.1, 0)),
    (("TranslateY", 0.7, 9), ("AutoContrast", 0.9, 0)),
)
STEPS = 2


class AutoAugment:
    """Applies one of the policies to each image, its two operations each with its own probability."""

    def __init__(self, is_on: bool) -> None:
        assert is_on

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        policies = host_integers(len(POLICIES), len(batch), generator=generator)
        chances = host_uniform(STEPS, len(batch), generator=generator)
        signs = host_signs(STEPS, len(batch), generator=generator)
        return replace(batch, images=auto_augment(batch.images, policies=policies, chances=chances, signs=signs))


def auto_augment(images: Tensor, *, policies: Tensor, chances: Tensor, signs: Tensor) -> Tensor:
    """Returns uint8 images (B, C, H, W), each changed by the operations of its policy.

    policies: int64 (B,); chances: float (2, B), an operation happens where its chance is below its probability; signs:
    int64 (2, B), 1 or −1; all on the CPU.
    """
    space = magnitude_space({**autoaugment_ranges(*images.shape[-2:]), "Invert": NO_MAGNITUDE}, bins=BINS)
    identity = space.names.index("Identity")
    for step in range(STEPS):
        names, probabilities, bins = zip(*(policy[step] for policy in POLICIES), strict=True)
        numbers = torch.tensor([space.names.index(name) for name in names])[policies]
        happens = chances[step] < torch.tensor(probabilities)[policies]
        images = space.apply(
            images,
            numbers=torch.where(happens, numbers, identity),
            bins=torch.tensor(bins)[policies],
            signs=signs[step],
        )
    return images
