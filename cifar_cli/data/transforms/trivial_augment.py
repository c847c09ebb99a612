"""TrivialAugment: one random operation of random magnitude on each image."""

from dataclasses import replace

from torch import Generator

from cifar_cli.data.batch import Batch
from cifar_cli.data.transforms.draw import host_integers, host_signs
from cifar_cli.data.transforms.magnitude_space import NO_MAGNITUDE, magnitude_space

BINS = 31
# The paper's wide space, as in torchvision's TrivialAugmentWide.
SPACE = magnitude_space(
    {
        "Identity": NO_MAGNITUDE,
        "ShearX": (0.0, 0.99),
        "ShearY": (0.0, 0.99),
        "TranslateX": (0.0, 32.0),
        "TranslateY": (0.0, 32.0),
        "Rotate": (0.0, 135.0),
        "Brightness": (0.0, 0.99),
        "Color": (0.0, 0.99),
        "Contrast": (0.0, 0.99),
        "Sharpness": (0.0, 0.99),
        "Posterize": (8.0, 2.0),
        "Solarize": (1.0, 0.0),
        "AutoContrast": NO_MAGNITUDE,
        "Equalize": NO_MAGNITUDE,
    },
    bins=BINS,
)


class TrivialAugment:
    """Applies one of the operations to each image. Source: Müller and Hutter, arXiv:2103.10158."""

    def __init__(self, is_on: bool) -> None:
        assert is_on

    def __call__(self, batch: Batch, generator: Generator) -> Batch:
        count = len(batch)
        numbers = host_integers(len(SPACE.names), count, generator=generator)
        bins = host_integers(BINS, count, generator=generator)
        signs = host_signs(count, generator=generator)
        return replace(batch, images=SPACE.apply(batch.images, numbers=numbers, bins=bins, signs=signs))
