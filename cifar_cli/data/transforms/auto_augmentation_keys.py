"""The keys of the automatic augmentations, which choose from a set of operations."""

from typing import Annotated

from pydantic import Field

from cifar_cli.data.transforms.augmentation import Augmentation
from cifar_cli.section import Flag, PositiveInt

AUTO_AUGMENTATIONS: dict[str, Augmentation] = {
    "trivial_augment": Augmentation(
        target="cifar_cli.data.transforms.trivial_augment:TrivialAugment",
        value=Annotated[
            Flag,
            Field(title="true: one random operation of random strength on each image, as torchvision's wide space"),
        ],
        off=False,
        example=True,
    ),
    "rand_augment": Augmentation(
        target="cifar_cli.data.transforms.rand_augment:RandAugment",
        value=Annotated[
            tuple[PositiveInt, Annotated[int, Field(ge=0, le=30)]] | None,
            Field(
                title="so many random operations on each image, of a magnitude up to 30, as torchvision's RandAugment",
                description="a list of two whole numbers, the operations and the magnitude from 0 to 30, or null",
                examples=[[2, 9]],
            ),
        ],
        off=None,
        example=(2, 9),
    ),
    "auto_augment": Augmentation(
        target="cifar_cli.data.transforms.auto_augment:AutoAugment",
        value=Annotated[
            Flag,
            Field(title="true: up to two operations on each image, by the policy found for CIFAR-10, as torchvision's"),
        ],
        off=False,
        example=True,
    ),
}
