"""The keys of the networks that join the feature maps of many layers: DenseNet, and deep layer aggregation."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cifar_cli.models.model_keys import ModelKeys
from cifar_cli.section import BelowOne, PositiveInt

BlockLayers = Annotated[
    tuple[PositiveInt, ...],
    Field(
        title="the layers in each dense block",
        min_length=1,
        max_length=6,
        description="the layers in each of one to six blocks, each a whole number, at least 1",
        examples=[[16, 16, 16]],
    ),
]


class DenseNetBc100Keys(ModelKeys):
    """100 layers, each of which reads all layers before it in its block and adds 12 channels."""

    target: ClassVar[str] = "cifar_cli.models.densenet:densenet_bc_100_12"
    example: ClassVar[Mapping[str, Any]] = {"block_layers": [2, 1], "growth_rate": 4, "dropout": 0.1}
    paper: ClassVar[str] = "Huang et al. 2016, arXiv:1608.06993"
    takes_any_size: ClassVar[bool] = True

    name: Literal["densenet_bc_100_12"] = "densenet_bc_100_12"
    block_layers: BlockLayers = (16, 16, 16)
    growth_rate: PositiveInt = Field(12, title="the channels that each layer adds")
    dropout: BelowOne = Field(
        0.0, title="the probability of dropout behind each layer's last convolution", examples=[0.2]
    )

    @property
    def least_side(self) -> int:
        return 1 << (len(self.block_layers) - 1)


class DenseNet121Keys(DenseNetBc100Keys):
    """The blocks of the DenseNet of 121 layers for large pictures, with 12 instead of 32 channels a layer."""

    target: ClassVar[str] = "cifar_cli.models.densenet:densenet121"

    name: Literal["densenet121"] = "densenet121"  # type: ignore[assignment]
    block_layers: BlockLayers = (6, 12, 24, 16)


class DLAKeys(ModelKeys):
    """Deep layer aggregation: trees whose roots join the feature maps of several blocks."""

    target: ClassVar[str] = "cifar_cli.models.dla:dla"
    example: ClassVar[Mapping[str, Any]] = {"levels": [2], "width": 2}
    paper: ClassVar[str] = "Yu et al. 2017, arXiv:1707.06484"
    takes_any_size: ClassVar[bool] = True

    name: Literal["dla"] = "dla"
    levels: tuple[PositiveInt, ...] = Field(
        (1, 2, 2, 1),
        title="the level of the tree in each stage; a tree of level 1 is two blocks and their root",
        min_length=1,
        max_length=6,
        description="the level of the tree in each of one to six stages, each a whole number, at least 1",
        examples=[[1, 2, 2, 1]],
    )
    width: PositiveInt = Field(16, title="the channels of the first convolution; each stage doubles them")


class SimpleDLAKeys(DLAKeys):
    """Deep layer aggregation with trees of which each joins two trees of the level below."""

    target: ClassVar[str] = "cifar_cli.models.dla:simple_dla"

    name: Literal["simple_dla"] = "simple_dla"  # type: ignore[assignment]


AGGREGATION = (DenseNetBc100Keys, DenseNet121Keys, DLAKeys, SimpleDLAKeys)
