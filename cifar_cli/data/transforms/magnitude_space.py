"""How strong the operations of RandAugment, TrivialAugment and AutoAugment can be."""

from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from cifar_cli.data.transforms.operations import OPERATIONS, apply_one_each

Range = tuple[float, float]

NO_MAGNITUDE: Range = (0.0, 0.0)
# The magnitude gets a random sign.
SIGNED = ("ShearX", "ShearY", "TranslateX", "TranslateY", "Rotate", "Brightness", "Color", "Contrast", "Sharpness")


@dataclass(frozen=True, eq=False)
class MagnitudeSpace:
    """Operations, each with the range of its magnitudes, cut into bins from the weakest to the strongest.

    names: keys of OPERATIONS; magnitudes: float (len(names), bins); is_signed: bool (len(names),); all on the CPU.
    """

    names: tuple[str, ...]
    magnitudes: Tensor
    is_signed: Tensor

    def apply(self, images: Tensor, *, numbers: Tensor, bins: Tensor, signs: Tensor) -> Tensor:
        """Returns the images, each changed by the operation names[number] with the magnitude of its bin.

        numbers, bins and signs, 1 or −1: int64 (B,), on the CPU.
        """
        signs = torch.where(self.is_signed[numbers], signs, 1)
        operations = [OPERATIONS[name] for name in self.names]
        return apply_one_each(images, operations, numbers=numbers, magnitudes=self.magnitudes[numbers, bins] * signs)


def magnitude_space(ranges: Mapping[str, Range], *, bins: int) -> MagnitudeSpace:
    """Returns the space of operations with these ranges, (weakest, strongest), in torchvision's units."""
    return MagnitudeSpace(
        names=tuple(ranges),
        magnitudes=torch.stack([torch.linspace(weakest, strongest, bins) for weakest, strongest in ranges.values()]),
        is_signed=torch.tensor([name in SIGNED for name in ranges]),
    )


def autoaugment_ranges(height: int, width: int) -> dict[str, Range]:
    """Returns the ranges of AutoAugment, which RandAugment has too, for images of that size.

    Source: Cubuk et al., arXiv:1805.09501, table 6, as in torchvision, which also translates by 150/331 of the image
    at most.
    """
    return {
        "Identity": NO_MAGNITUDE,
        "ShearX": (0.0, 0.3),
        "ShearY": (0.0, 0.3),
        "TranslateX": (0.0, 150 / 331 * width),
        "TranslateY": (0.0, 150 / 331 * height),
        "Rotate": (0.0, 30.0),
        "Brightness": (0.0, 0.9),
        "Color": (0.0, 0.9),
        "Contrast": (0.0, 0.9),
        "Sharpness": (0.0, 0.9),
        "Posterize": (8.0, 4.0),  # bits that stay
        "Solarize": (1.0, 0.0),  # the threshold, as a fraction of 255
        "AutoContrast": NO_MAGNITUDE,
        "Equalize": NO_MAGNITUDE,
    }
