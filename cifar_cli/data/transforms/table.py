"""The augmentations: the keys of `data.augment`, and where the code is.

An augmentation is a function from a Batch and a generator to a Batch. Augmentations are applied in the order of this
table, whatever their order in the YAML. To add one, write `data/transforms/<name>.py` and its entry here; those of a
family stand together in `<family>_keys.py`.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, GetCoreSchemaHandler, create_model
from pydantic_core import CoreSchema, PydanticCustomError, core_schema

from cifar_cli.data.transforms.augmentation import Augmentation
from cifar_cli.data.transforms.auto_augmentation_keys import AUTO_AUGMENTATIONS
from cifar_cli.data.transforms.mixing_keys import MIXING
from cifar_cli.section import NonNegativeFloat, NonNegativeInt, PositiveInt, Section, UnitInterval


def _translate_issue(pixels: int, side: int) -> tuple[str, str] | None:
    if pixels <= side // 2:
        return None
    return f"expected at most half of the image's {side} pixels, {side // 2}, found {pixels}", "write 4"


def _cutout_issue(size: int, side: int) -> tuple[str, str] | None:
    return (f"expected at most the image's {side} pixels, found {size}", "write 8") if size > side else None


def _unused_jitter(strengths: Sequence[float]) -> str | None:
    unused = [name for name, strength in zip(("saturation", "hue"), strengths[2:], strict=True) if strength]
    return f"the jitter of {' and '.join(unused)}" if unused else None


AUGMENTATIONS: dict[str, Augmentation] = {
    "flip": Augmentation(
        target="cifar_cli.data.transforms.flip:flip",
        value=Annotated[
            Literal["random", "alternating"] | None,
            Field(
                title="random: each image mirrored or not by chance; alternating: both ways in two epochs",
                description="one of random, alternating, or null for none",
                examples=["random"],
            ),
        ],
        off=None,
        example="random",
    ),
    "translate": Augmentation(
        target="cifar_cli.data.transforms.translate:Translate",
        value=Annotated[
            NonNegativeInt,
            Field(
                title="shift by up to so many pixels; edges are filled by reflection",
                description="a whole number of pixels, 0 or more",
                examples=[4],
            ),
        ],
        off=0,
        example=2,
        issue=_translate_issue,
    ),
    "crop_padding": Augmentation(
        target="cifar_cli.data.transforms.crop:RandomCrop",
        value=Annotated[
            NonNegativeInt,
            Field(
                title="a random crop after padding with so many black pixels, torchvision's RandomCrop(side, padding)",
                description="a whole number of pixels, 0 or more",
                examples=[4],
            ),
        ],
        off=0,
        example=2,
        issue=_translate_issue,
    ),
    **AUTO_AUGMENTATIONS,
    "rotation": Augmentation(
        target="cifar_cli.data.transforms.random_rotation:RandomRotation",
        value=Annotated[
            float,
            Field(
                title="rotate by up to so many degrees, to both sides; corners are black",
                ge=0,
                le=180,
                description="a number of degrees from 0 to 180",
                examples=[15.0],
            ),
        ],
        off=0.0,
        example=15.0,
    ),
    "color_jitter": Augmentation(
        target="cifar_cli.data.transforms.color_jitter:ColorJitter",
        value=Annotated[
            tuple[NonNegativeFloat, NonNegativeFloat, NonNegativeFloat, Annotated[float, Field(ge=0, le=0.5)]] | None,
            Field(
                title="the strengths of random brightness, contrast, saturation and hue, as in torchvision",
                description="a list of four numbers, 0 or more, the last at most 0.5, or null for none",
                examples=[[0.4, 0.4, 0.4, 0.1]],
            ),
        ],
        off=None,
        example=(0.4, 0.4, 0.4, 0.1),
        unused_in_grey=_unused_jitter,
    ),
    "grayscale": Augmentation(
        target="cifar_cli.data.transforms.random_grayscale:RandomGrayscale",
        value=Annotated[UnitInterval, Field(title="the probability that an image turns grey", examples=[0.1])],
        off=0.0,
        example=0.5,
        unused_in_grey=lambda probability: "it",
    ),
    # After the ones before, so that the square is neither moved nor mirrored.
    "cutout": Augmentation(
        target="cifar_cli.data.transforms.cutout:Cutout",
        value=Annotated[
            NonNegativeInt,
            Field(
                title="the side of a square that is filled with the mean colour",
                description="the side of a square in pixels, 0 or more",
                examples=[8],
            ),
        ],
        off=0,
        example=4,
        issue=_cutout_issue,
    ),
    "sizes": Augmentation(
        target="cifar_cli.data.transforms.resize:ResizeByEpoch",
        value=Annotated[
            tuple[PositiveInt, ...],
            Field(
                title="the side of the training images in each epoch, for models that take images of any size",
                description="a list of sides in pixels, one for each epoch, the last for all after it",
                examples=[[24, 24, 32]],
            ),
        ],
        off=(),
        example=(16, 32),
        takes_normalized=True,
        new_sides=tuple,
    ),
    "random_erasing": Augmentation(
        target="cifar_cli.data.transforms.random_erasing:RandomErasing",
        value=Annotated[
            UnitInterval,
            Field(title="the probability that a rectangle of an image is filled with zeros", examples=[0.25]),
        ],
        off=0.0,
        example=0.5,
        takes_normalized=True,
    ),
    # Last, so that both images of a mixture have been changed before.
    **MIXING,
}


class AugmentKeys(Section):
    """Random changes to the training images; everything is off by default. The keys are those of a table."""

    def __getitem__(self, key: str) -> Any:
        return getattr(self, key)

    def without(self, *keys: str) -> "AugmentKeys":
        """Returns the section with these augmentations off."""
        return self.model_copy(update={key: AUGMENTATIONS[key].off for key in keys})

    def applied(self) -> dict[str, tuple[Augmentation, Any]]:
        """Returns the augmentations that are on, in the order in which they are applied, each with its value."""
        return {key: (entry, self[key]) for key, entry in AUGMENTATIONS.items() if self[key] != entry.off}

    def __reduce__(self) -> tuple[Any, ...]:  # pickle finds no class that was made from a table
        return _restored, (dict(self), self.model_fields_set)


@dataclass(frozen=True)
class AugmentationTable:
    """The annotation of a section whose keys are those of a table, read at each validation."""

    table: Mapping[str, Augmentation]

    def section(self) -> type[AugmentKeys]:
        """Returns the section with the keys that the table has now."""
        return _section(tuple(self.table.items()))

    def sections(self) -> dict[str, type[AugmentKeys]]:
        """Returns the only section that there can be, by name."""
        return {"augment": self.section()}

    def __get_pydantic_core_schema__(self, source: Any, handler: GetCoreSchemaHandler) -> CoreSchema:
        return core_schema.no_info_plain_validator_function(self._validate)

    def _validate(self, value: object) -> Section:
        if isinstance(value, AugmentKeys):
            return value
        if not isinstance(value, dict):
            raise PydanticCustomError("dict_type", "no mapping")
        return self.section().model_validate(value)


AUGMENT = AugmentationTable(AUGMENTATIONS)


@cache
def _section(items: tuple[tuple[str, Augmentation], ...]) -> type[AugmentKeys]:
    fields: dict[str, Any] = {key: (entry.value, entry.off) for key, entry in items}
    return create_model("AugmentKeys", __base__=AugmentKeys, **fields)


def _restored(values: dict[str, Any], given: set[str]) -> AugmentKeys:
    return AUGMENT.section().model_construct(_fields_set=given, **values)
