"""The keys of the networks with residual connections."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from cifar_cli.models.model_keys import Blocks, ModelKeys
from cifar_cli.section import BelowOne, PositiveInt

BLOCKS_TITLE = "the blocks in each of the three stages; n blocks make 6n + 2 layers"


class ResNet20Keys(ModelKeys):
    """Residual network of 20 layers for small images: three stages of three blocks with 16, 32 and 64 channels."""

    target: ClassVar[str] = "cifar_cli.models.resnet:resnet20"
    example: ClassVar[Mapping[str, Any]] = {"blocks_per_stage": 1}
    paper: ClassVar[str] = "He et al. 2015, arXiv:1512.03385"
    takes_any_size: ClassVar[bool] = True

    name: Literal["resnet20"] = "resnet20"
    blocks_per_stage: PositiveInt = Field(3, title=BLOCKS_TITLE)
    shortcut: Literal["projection", "padding"] = Field(
        "projection",
        title="what brings a block's input to the shape of its output: a 1×1 convolution, or zeros as in the paper",
    )


class ResNet32Keys(ResNet20Keys):
    """Residual network of 32 layers for small images: resnet20 with more blocks."""

    target: ClassVar[str] = "cifar_cli.models.resnet:resnet32"

    name: Literal["resnet32"] = "resnet32"  # type: ignore[assignment]
    blocks_per_stage: PositiveInt = Field(5, title=BLOCKS_TITLE)


class ResNet44Keys(ResNet20Keys):
    """Residual network of 44 layers for small images: resnet20 with more blocks."""

    target: ClassVar[str] = "cifar_cli.models.resnet:resnet44"

    name: Literal["resnet44"] = "resnet44"  # type: ignore[assignment]
    blocks_per_stage: PositiveInt = Field(7, title=BLOCKS_TITLE)


class ResNet56Keys(ResNet20Keys):
    """Residual network of 56 layers for small images: resnet20 with more blocks."""

    target: ClassVar[str] = "cifar_cli.models.resnet:resnet56"

    name: Literal["resnet56"] = "resnet56"  # type: ignore[assignment]
    blocks_per_stage: PositiveInt = Field(9, title=BLOCKS_TITLE)


class ResNet110Keys(ResNet20Keys):
    """Residual network of 110 layers for small images: resnet20 with more blocks."""

    target: ClassVar[str] = "cifar_cli.models.resnet:resnet110"

    name: Literal["resnet110"] = "resnet110"  # type: ignore[assignment]
    blocks_per_stage: PositiveInt = Field(18, title=BLOCKS_TITLE)


class ResNet18Keys(ModelKeys):
    """Residual network of 18 layers: four stages of two blocks, after a 3×3 convolution instead of a 7×7."""

    target: ClassVar[str] = "cifar_cli.models.resnet18:resnet18"
    example: ClassVar[Mapping[str, Any]] = {"blocks": [1, 1], "width": 4}
    paper: ClassVar[str] = "He et al. 2015, arXiv:1512.03385"
    takes_any_size: ClassVar[bool] = True

    name: Literal["resnet18"] = "resnet18"
    blocks: Blocks = (2, 2, 2, 2)
    width: PositiveInt = Field(64, title="the channels of the first stage; each later stage doubles them")


class ResNet34Keys(ResNet18Keys):
    """Residual network of 34 layers: resnet18 with more blocks."""

    target: ClassVar[str] = "cifar_cli.models.resnet18:resnet34"

    name: Literal["resnet34"] = "resnet34"  # type: ignore[assignment]
    blocks: Blocks = (3, 4, 6, 3)


class ResNet50Keys(ResNet34Keys):
    """Residual network of 50 layers: resnet34 with bottlenecks, blocks of a 1×1, a 3×3 and a 1×1 convolution."""

    target: ClassVar[str] = "cifar_cli.models.resnet18:resnet50"

    name: Literal["resnet50"] = "resnet50"  # type: ignore[assignment]


class PreActResNet18Keys(ResNet18Keys):
    """Residual network of 18 layers with BatchNorm and ReLU before each convolution."""

    target: ClassVar[str] = "cifar_cli.models.preact_resnet:PreActResNet"
    paper: ClassVar[str] = "He et al. 2016, arXiv:1603.05027"

    name: Literal["preact_resnet18"] = "preact_resnet18"  # type: ignore[assignment]


class WideResNet16Keys(ModelKeys):
    """Wide residual network of 16 layers, eight times as wide as the first residual networks for CIFAR-10."""

    target: ClassVar[str] = "cifar_cli.models.wide_resnet:wide_resnet16_8"
    example: ClassVar[Mapping[str, Any]] = {"blocks_per_stage": 1, "width_factor": 1, "dropout": 0.1}
    paper: ClassVar[str] = "Zagoruyko and Komodakis 2016, arXiv:1605.07146"
    takes_any_size: ClassVar[bool] = True

    name: Literal["wide_resnet16_8"] = "wide_resnet16_8"
    blocks_per_stage: PositiveInt = Field(
        2, title="the blocks in each of the three stages; n blocks make 6n + 4 layers"
    )
    width_factor: PositiveInt = Field(8, title="the stages have 16, 32 and 64 times as many channels")
    dropout: BelowOne = Field(0.0, title="the probability of dropout within each block", examples=[0.3])


class WideResNet28Keys(WideResNet16Keys):
    """Wide residual network of 28 layers, ten times as wide as the first residual networks for CIFAR-10."""

    target: ClassVar[str] = "cifar_cli.models.wide_resnet:wide_resnet28_10"

    name: Literal["wide_resnet28_10"] = "wide_resnet28_10"  # type: ignore[assignment]
    blocks_per_stage: PositiveInt = Field(
        4, title="the blocks in each of the three stages; n blocks make 6n + 4 layers"
    )
    width_factor: PositiveInt = Field(10, title="the stages have 16, 32 and 64 times as many channels")


class ResNeXt29Keys(ModelKeys):
    """Residual network of 29 layers whose 3×3 convolutions have 4 groups of 64 channels and more."""

    target: ClassVar[str] = "cifar_cli.models.resnext:resnext29_4x64d"
    example: ClassVar[Mapping[str, Any]] = {"blocks": [1, 1], "groups": 2, "group_width": 4}
    paper: ClassVar[str] = "Xie et al. 2016, arXiv:1611.05431"
    takes_any_size: ClassVar[bool] = True

    name: Literal["resnext29_4x64d"] = "resnext29_4x64d"
    groups: PositiveInt = Field(4, title="the groups of each 3×3 convolution")
    group_width: PositiveInt = Field(
        64, title="the channels of a group in the first stage; each later stage doubles them"
    )
    blocks: Blocks = (3, 3, 3)


RESIDUAL = (
    ResNet20Keys,
    ResNet32Keys,
    ResNet44Keys,
    ResNet56Keys,
    ResNet110Keys,
    ResNet18Keys,
    ResNet34Keys,
    ResNet50Keys,
    PreActResNet18Keys,
    WideResNet16Keys,
    WideResNet28Keys,
    ResNeXt29Keys,
)
