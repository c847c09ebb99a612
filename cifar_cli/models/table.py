"""The networks: their keys, and where the code is. To add one, write `models/<name>.py` and its entry here.

What is called gets the keys and, by keyword, `image_shape` (C, H, W) and `num_classes`.
"""

from collections.abc import Mapping, Sequence
from pathlib import PurePath
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, InstanceOf

from cifar_cli.models.layer import Layer
from cifar_cli.section import BelowOne, Entry, PositiveFloat, PositiveInt, table


class ModelKeys(Entry):
    """The keys of every network, and facts for the checks."""

    takes_any_size: ClassVar[bool] = False
    """Whether images of other sizes than the dataset's can be trained on."""
    lists_layers: ClassVar[bool] = False
    """Whether the configuration lists the layers, under the key `layers`."""
    is_own: ClassVar[bool] = False
    """Whether the network is a person's own code, of which nothing is known before it runs."""

    @property
    def label(self) -> str:
        """The network's name where a person reads it."""
        return self.name

    @property
    def least_side(self) -> int:
        """The smallest image side, in pixels, of which a pixel is left after all poolings."""
        return 1

    @property
    def listed_layers(self) -> Sequence[Layer] | None:
        """The layers that the configuration lists; None where only the built network knows them."""
        return None

    def depth_issue(self, side: int) -> tuple[str, str, str] | None:
        """Returns the key, the finding and the mend if the network halves images of that side too often, else None."""
        return None


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

    def depth_issue(self, side: int) -> tuple[str, str, str] | None:
        most = side.bit_length() - 1
        if len(self.widths) <= most:
            return None
        expected = f"expected at most {most} blocks, as each halves the image's {side} pixels"
        return "widths", f"{expected}, found {len(self.widths)}", f"write at most {most} widths"


class SpeedNetKeys(ModelKeys):
    """A whitening layer and groups of 3×3 convolutions, as the fastest trainings have them."""

    target: ClassVar[str] = "cifar_cli.models.speednet:SpeedNet"
    example: ClassVar[Mapping[str, Any]] = {"widths": [8, 8]}
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


class ResNetKeys(ModelKeys):
    """The keys of the residual networks of He et al. for small images."""

    takes_any_size: ClassVar[bool] = True

    shortcut: Literal["projection", "padding"] = Field(
        "projection",
        title="what brings a block's input to the shape of its output: a 1×1 convolution, or zeros as in the paper",
    )


class ResNet20Keys(ResNetKeys):
    """Residual network of 20 layers: three stages of three blocks with 16, 32 and 64 channels."""

    target: ClassVar[str] = "cifar_cli.models.resnet:resnet20"

    name: Literal["resnet20"] = "resnet20"


class ResNet32Keys(ResNetKeys):
    """Residual network of 32 layers: three stages of five blocks with 16, 32 and 64 channels."""

    target: ClassVar[str] = "cifar_cli.models.resnet:resnet32"

    name: Literal["resnet32"] = "resnet32"


class ResNet44Keys(ResNetKeys):
    """Residual network of 44 layers: three stages of seven blocks with 16, 32 and 64 channels."""

    target: ClassVar[str] = "cifar_cli.models.resnet:resnet44"

    name: Literal["resnet44"] = "resnet44"


class ResNet56Keys(ResNetKeys):
    """Residual network of 56 layers: three stages of nine blocks with 16, 32 and 64 channels."""

    target: ClassVar[str] = "cifar_cli.models.resnet:resnet56"

    name: Literal["resnet56"] = "resnet56"


class ResNet110Keys(ResNetKeys):
    """Residual network of 110 layers: three stages of eighteen blocks with 16, 32 and 64 channels."""

    target: ClassVar[str] = "cifar_cli.models.resnet:resnet110"

    name: Literal["resnet110"] = "resnet110"


class FileKeys(ModelKeys):
    """A network of your own, from a Python file. The keys say which file it was; they do not run it: the command line
    has to name the file, by `--model FILE.py:NAME`, or to trust the run folder's copy, by `--trust-model`.
    """

    target: ClassVar[str] = "cifar_cli.models.own.build_own:build_own_model"
    example: ClassVar[Mapping[str, Any]] = {"file": "my_net.py", "attribute": "Net", "sha256": "0" * 64}
    takes_any_size: ClassVar[bool] = True  # nothing is known: `preflight` tries the sizes
    is_own: ClassVar[bool] = True

    name: Literal["file"] = "file"
    file: str = Field(
        title="the file, as `--model` named it; the run folder keeps a copy, `model.py`",
        min_length=1,
        description="the path of a Python file, as the option --model FILE.py:NAME writes it",
        examples=["my_net.py"],
    )
    attribute: str = Field(
        title="the class or function in the file that gives the network",
        pattern=r"^[^\W\d]\w*$",
        description="the name of a class or function, as the option --model FILE.py:NAME writes it",
        examples=["Net"],
    )
    sha256: str = Field(
        title="the checksum of the file",
        pattern=r"^[0-9a-f]{64}$",
        description="the checksum of the file, as the option --model FILE.py:NAME writes it",
        examples=["0" * 64],
    )

    @property
    def label(self) -> str:
        return f"{PurePath(self.file).name}:{self.attribute}"

    @property
    def word(self) -> str:
        """The network as --model names it."""
        return f"{self.file}:{self.attribute}"


MODELS = table(
    SequentialKeys,
    MlpKeys,
    CnnKeys,
    SpeedNetKeys,
    ResNet20Keys,
    ResNet32Keys,
    ResNet44Keys,
    ResNet56Keys,
    ResNet110Keys,
    FileKeys,
)
