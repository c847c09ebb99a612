"""The keys of the networks that cut the image into patches or tokens: ConvMixer, ViT, CCT."""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from cifar_cli.models.model_keys import ModelKeys
from cifar_cli.section import BelowOne, PositiveInt

Dropout = Annotated[
    BelowOne, Field(title="the probability of dropout behind each linear layer of a block", examples=[0.1])
]
DropPath = Annotated[
    BelowOne,
    Field(title="the probability of leaving out the last block's branches; 0 in the first block", examples=[0.1]),
]


def _divisor(number: int, *, at_most: int) -> int:
    """Returns the largest divisor of a number up to a limit."""
    return next(divisor for divisor in range(min(number, at_most), 0, -1) if number % divisor == 0)


class ConvMixerKeys(ModelKeys):
    """The image in patches, then filters over positions and over channels in turn."""

    target: ClassVar[str] = "cifar_cli.models.convmixer:ConvMixer"
    example: ClassVar[Mapping[str, Any]] = {"width": 8, "depth": 1, "patch_size": 4}
    paper: ClassVar[str] = "Trockman and Kolter 2022, arXiv:2201.09792"
    takes_any_size: ClassVar[bool] = True

    name: Literal["convmixer"] = "convmixer"
    width: PositiveInt = Field(256, title="the channels of all layers")
    depth: PositiveInt = Field(8, title="the blocks")
    patch_size: PositiveInt = Field(2, title="the side of a patch in pixels")
    kernel_size: PositiveInt = Field(5, title="the side of the filters over positions")

    @property
    def least_side(self) -> int:
        return self.patch_size


class TransformerKeys(ModelKeys):
    """What all transformers have."""

    width: PositiveInt
    heads: PositiveInt

    def side_issue(self, side: int) -> tuple[str, str, str] | None:
        if self.width % self.heads:
            finding = f"expected a divisor of the width {self.width}, as heads share it, found {self.heads}"
            return "heads", finding, f"write for example {_divisor(self.width, at_most=self.heads)}"
        return super().side_issue(side)


class VitTinyKeys(TransformerKeys):
    """Vision transformer of 12 blocks on patches of 4×4 pixels."""

    target: ClassVar[str] = "cifar_cli.models.vision_transformer:VisionTransformer"
    example: ClassVar[Mapping[str, Any]] = {"width": 8, "depth": 2, "heads": 2, "mlp_ratio": 1}
    paper: ClassVar[str] = "Dosovitskiy et al. 2020, arXiv:2010.11929"

    name: Literal["vit_tiny"] = "vit_tiny"
    patch_size: PositiveInt = Field(4, title="the side of a patch in pixels")
    width: PositiveInt = Field(192, title="the numbers that stand for a patch")
    depth: PositiveInt = Field(12, title="the blocks")
    heads: PositiveInt = Field(3, title="the attention heads, which share the width")
    mlp_ratio: PositiveInt = Field(4, title="how many times as wide a block's hidden layer is")
    dropout: Dropout = 0.0
    drop_path: DropPath = 0.1

    def side_issue(self, side: int) -> tuple[str, str, str] | None:
        if side % self.patch_size:
            finding = f"expected a divisor of the image's {side} pixels, found {self.patch_size}"
            return "patch_size", finding, f"write for example {_divisor(side, at_most=self.patch_size)}"
        return super().side_issue(side)


class Cct7Keys(TransformerKeys):
    """Compact transformer: tokens from a convolution, 7 blocks, and a weighted mean of the tokens."""

    target: ClassVar[str] = "cifar_cli.models.vision_transformer:CompactTransformer"
    example: ClassVar[Mapping[str, Any]] = {"width": 8, "depth": 2, "heads": 2, "mlp_ratio": 1}
    paper: ClassVar[str] = "Hassani et al. 2021, arXiv:2104.05704"

    name: Literal["cct_7_3x1"] = "cct_7_3x1"
    width: PositiveInt = Field(256, title="the numbers that stand for a token")
    depth: PositiveInt = Field(7, title="the blocks")
    heads: PositiveInt = Field(4, title="the attention heads, which share the width")
    mlp_ratio: PositiveInt = Field(2, title="how many times as wide a block's hidden layer is")
    dropout: Dropout = 0.0
    attention_dropout: BelowOne = Field(
        0.1, title="the probability that a token leaves another out of its mean", examples=[0.1]
    )
    drop_path: DropPath = 0.1


PATCHES = (ConvMixerKeys, VitTinyKeys, Cct7Keys)
