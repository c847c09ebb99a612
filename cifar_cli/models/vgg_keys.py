"""The keys of the VGG networks."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cifar_cli.models.model_keys import ModelKeys
from cifar_cli.section import BelowOne, PositiveInt

Convolutions = Annotated[
    tuple[PositiveInt, ...],
    Field(
        title="the convolutions in each stage",
        min_length=1,
        max_length=6,
        description="the convolutions in each of one to six stages, each a whole number, at least 1",
        examples=[[1, 1, 2, 2, 2]],
    ),
]

Hidden = Annotated[
    tuple[PositiveInt, ...],
    Field(
        title="the widths of the linear layers before the last; [] for none",
        description="a list of widths, each a whole number, at least 1",
        examples=[[512, 512]],
    ),
]


class Vgg11BnKeys(ModelKeys):
    """Eight 3×3 convolutions with BatchNorm in five stages, and three linear layers."""

    target: ClassVar[str] = "cifar_cli.models.vgg:vgg11_bn"
    example: ClassVar[Mapping[str, Any]] = {"convolutions": [1, 1], "width": 4, "hidden": [8]}
    paper: ClassVar[str] = "Simonyan and Zisserman 2014, arXiv:1409.1556"
    takes_any_size: ClassVar[bool] = True

    name: Literal["vgg11_bn"] = "vgg11_bn"
    convolutions: Convolutions = (1, 1, 2, 2, 2)
    width: PositiveInt = Field(64, title="the channels of the first stage; later stages double them, up to eight times")
    hidden: Hidden = (512, 512)
    dropout: BelowOne = Field(0.5, title="the probability of dropout behind each of `hidden`", examples=[0.5])


class Vgg13BnKeys(Vgg11BnKeys):
    """Ten 3×3 convolutions with BatchNorm in five stages, and three linear layers."""

    target: ClassVar[str] = "cifar_cli.models.vgg:vgg13_bn"

    name: Literal["vgg13_bn"] = "vgg13_bn"  # type: ignore[assignment]
    convolutions: Convolutions = (2, 2, 2, 2, 2)


class Vgg16BnKeys(Vgg11BnKeys):
    """Thirteen 3×3 convolutions with BatchNorm in five stages, and three linear layers."""

    target: ClassVar[str] = "cifar_cli.models.vgg:vgg16_bn"

    name: Literal["vgg16_bn"] = "vgg16_bn"  # type: ignore[assignment]
    convolutions: Convolutions = (2, 2, 3, 3, 3)


class Vgg19BnKeys(Vgg11BnKeys):
    """Sixteen 3×3 convolutions with BatchNorm in five stages, and three linear layers."""

    target: ClassVar[str] = "cifar_cli.models.vgg:vgg19_bn"

    name: Literal["vgg19_bn"] = "vgg19_bn"  # type: ignore[assignment]
    convolutions: Convolutions = (2, 2, 4, 4, 4)


class Vgg11Keys(Vgg11BnKeys):
    """vgg11_bn with a single linear layer behind the convolutions."""

    target: ClassVar[str] = "cifar_cli.models.vgg:vgg11"

    name: Literal["vgg11"] = "vgg11"  # type: ignore[assignment]
    hidden: Hidden = ()


class Vgg13Keys(Vgg13BnKeys):
    """vgg13_bn with a single linear layer behind the convolutions."""

    target: ClassVar[str] = "cifar_cli.models.vgg:vgg13"

    name: Literal["vgg13"] = "vgg13"  # type: ignore[assignment]
    hidden: Hidden = ()


class Vgg16Keys(Vgg16BnKeys):
    """vgg16_bn with a single linear layer behind the convolutions."""

    target: ClassVar[str] = "cifar_cli.models.vgg:vgg16"

    name: Literal["vgg16"] = "vgg16"  # type: ignore[assignment]
    hidden: Hidden = ()


class Vgg19Keys(Vgg19BnKeys):
    """vgg19_bn with a single linear layer behind the convolutions."""

    target: ClassVar[str] = "cifar_cli.models.vgg:vgg19"

    name: Literal["vgg19"] = "vgg19"  # type: ignore[assignment]
    hidden: Hidden = ()


VGGS = (Vgg11BnKeys, Vgg13BnKeys, Vgg16BnKeys, Vgg19BnKeys, Vgg11Keys, Vgg13Keys, Vgg16Keys, Vgg19Keys)
