"""The networks: their keys, and where the code is. To add one, write `models/<name>.py` and its entry here.

What is called gets the keys and, by keyword, `image_shape` (C, H, W) and `num_classes`. Networks of one family share a
file of keys, `models/<family>_keys.py`.
"""

from collections.abc import Mapping, Sequence
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, InstanceOf

from cifar_cli.models.aggregation_keys import AGGREGATION
from cifar_cli.models.file_keys import FileKeys
from cifar_cli.models.layer import Layer
from cifar_cli.models.mobile_keys import MOBILE
from cifar_cli.models.model_keys import ModelKeys
from cifar_cli.models.patch_keys import PATCHES
from cifar_cli.models.residual_keys import RESIDUAL
from cifar_cli.models.vgg_keys import VGGS
from cifar_cli.section import BelowOne, PositiveFloat, PositiveInt, table

__all__ = ["MODELS", "FileKeys", "ModelKeys"]


class SequentialKeys(ModelKeys):
    """One layer after the other, as the file lists them."""

    target: ClassVar[str] = "cifar_cli.models.sequential:sequential"
    example: ClassVar[Mapping[str, Any]] = {
        "layers": [
            {"conv1": {"type": "Conv2d", "out_channels": 4, "kernel_size": 3}},
            {"relu1": "ReLU"},
            {"pool1": {"type": "AdaptiveAvgPool2d", "output_size": 4}},
            {"flatten": "Flatten"},
            {"fc1": {"type": "Linear", "out_features": 10}},
        ]
    }

    lists_layers: ClassVar[bool] = True

    name: Literal["sequential"] = "sequential"
    layers: tuple[InstanceOf[Layer], ...] = Field(
        title="torch.nn's layers under torch's names; in_channels and in_features may be left out",
        min_length=1,
        description="a list of layers, at least one",
        examples=[[{"flatten": "Flatten"}, {"fc": {"type": "Linear", "out_features": 10}}]],
    )

    @property
    def listed_layers(self) -> Sequence[Layer]:
        return self.layers


def _as_tuple(value: object) -> object:
    """Lets `hidden: 256` stand for `hidden: [256]`."""
    return (value,) if isinstance(value, int) and not isinstance(value, bool) else value


class MlpKeys(ModelKeys):
    """Linear layers with ReLU between them."""

    target: ClassVar[str] = "cifar_cli.models.mlp:mlp"
    example: ClassVar[Mapping[str, Any]] = {"hidden": [16]}

    name: Literal["mlp"] = "mlp"
    hidden: Annotated[tuple[PositiveInt, ...], BeforeValidator(_as_tuple)] = Field(
        (256,),
        title="the widths of the hidden layers",
        description="the widths of the hidden layers, each a whole number, at least 1",
        examples=[[256]],
    )


class CnnKeys(ModelKeys):
    """Blocks of convolution, BatchNorm and ReLU."""

    target: ClassVar[str] = "cifar_cli.models.cnn:CNN"
    example: ClassVar[Mapping[str, Any]] = {"widths": [8, 8], "dropout": 0.1}
    takes_any_size: ClassVar[bool] = True

    name: Literal["cnn"] = "cnn"
    widths: tuple[PositiveInt, ...] = Field(
        (64, 128, 256),
        title="the channels of the blocks",
        min_length=1,
        description="the channels of the blocks, at least one, each a whole number, at least 1",
        examples=[[64, 128, 256]],
    )
    dropout: BelowOne = Field(0.0, title="the probability of dropout before the last layer", examples=[0.1])

    @property
    def least_side(self) -> int:
        return 1 << len(self.widths)

    def side_issue(self, side: int) -> tuple[str, str, str] | None:
        most = side.bit_length() - 1
        if len(self.widths) <= most:
            return None
        expected = f"expected at most {most} blocks, as each halves the image's {side} pixels"
        return "widths", f"{expected}, found {len(self.widths)}", f"write at most {most} widths"


class SpeedNetKeys(ModelKeys):
    """A whitening layer and groups of 3×3 convolutions, as the fastest trainings have them."""

    target: ClassVar[str] = "cifar_cli.models.speednet:SpeedNet"
    example: ClassVar[Mapping[str, Any]] = {"widths": [8, 8]}
    paper: ClassVar[str] = "Jordan 2024, arXiv:2404.00498"
    takes_any_size: ClassVar[bool] = True

    name: Literal["speednet"] = "speednet"
    widths: tuple[PositiveInt, ...] = Field(
        (64, 256, 256),
        title="the channels of the groups",
        min_length=1,
        max_length=3,
        description="the channels of one to three groups, each a whole number, at least 1",
        examples=[[64, 256, 256]],
    )
    depth: Literal[2, 3] = Field(
        2,
        title="the convolutions in each group; 3 come with a residual connection",
        description="2 or 3 convolutions in each group",
        examples=[2],
    )
    activation: Literal["gelu", "silu", "relu"] = Field("gelu", title="the activation behind each BatchNorm")
    logit_scale: PositiveFloat = Field(1 / 9, title="the factor of the logits", examples=[0.1])

    @property
    def least_side(self) -> int:
        return (1 << len(self.widths)) + 1  # the first layer takes one pixel away


class LeNet5Keys(ModelKeys):
    """Two convolutions, two poolings and three linear layers."""

    target: ClassVar[str] = "cifar_cli.models.lenet5:LeNet5"
    paper: ClassVar[str] = "LeCun et al. 1998, Proceedings of the IEEE 86 (11)"

    name: Literal["lenet5"] = "lenet5"

    @property
    def least_side(self) -> int:
        return 16  # a pixel is left after two 5×5 convolutions without padding, and two poolings


MODELS = table(
    SequentialKeys,
    MlpKeys,
    CnnKeys,
    SpeedNetKeys,
    LeNet5Keys,
    *RESIDUAL,
    *VGGS,
    *AGGREGATION,
    *MOBILE,
    *PATCHES,
    FileKeys,
)
