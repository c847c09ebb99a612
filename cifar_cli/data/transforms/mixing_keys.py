"""The keys of the augmentations that mix two images and their targets."""

from typing import Annotated

from pydantic import Field

from cifar_cli.data.transforms.augmentation import Augmentation
from cifar_cli.section import NonNegativeFloat, PositiveFloat

MIXING: dict[str, Augmentation] = {
    "mixup": Augmentation(
        target="cifar_cli.data.transforms.mixup:Mixup",
        value=Annotated[
            NonNegativeFloat,
            Field(title="blend each image with another; shares are drawn from Beta(alpha, alpha)", examples=[0.2]),
        ],
        off=0.0,
        example=0.2,
        takes_normalized=True,
    ),
    "cutmix": Augmentation(
        target="cifar_cli.data.transforms.cutmix:CutMix",
        value=Annotated[
            NonNegativeFloat,
            Field(title="a rectangle of another image; areas are drawn from Beta(alpha, alpha)", examples=[1.0]),
        ],
        off=0.0,
        example=1.0,
        takes_normalized=True,
    ),
    "mixup_or_cutmix": Augmentation(
        target="cifar_cli.data.transforms.mixup_or_cutmix:MixupOrCutMix",
        value=Annotated[
            tuple[PositiveFloat, PositiveFloat] | None,
            Field(
                title="one of the two for each image, by chance; the alpha of mixup and that of CutMix",
                description="a list of two numbers above 0, or null for neither",
                examples=[[0.2, 1.0]],
            ),
        ],
        off=None,
        example=(0.2, 1.0),
        takes_normalized=True,
    ),
}
