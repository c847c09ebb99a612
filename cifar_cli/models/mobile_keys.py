"""The keys of the networks that need few operations: MobileNetV2, ShuffleNetV2, RepVGG."""

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from pydantic import Field

from cifar_cli.models.model_keys import Blocks, ModelKeys
from cifar_cli.section import BelowOne, PositiveFloat, PositiveInt


class MobileNetV2Keys(ModelKeys):
    """Blocks that widen, filter each channel by itself, and narrow again."""

    target: ClassVar[str] = "cifar_cli.models.mobilenet_v2:MobileNetV2"
    example: ClassVar[Mapping[str, Any]] = {"blocks": [1, 2], "width_factor": 0.25, "last_width": 16}
    paper: ClassVar[str] = "Sandler et al. 2018, arXiv:1801.04381"
    takes_any_size: ClassVar[bool] = True

    name: Literal["mobilenet_v2"] = "mobilenet_v2"
    blocks: Blocks = (1, 2, 3, 4, 3, 3, 1)
    width_factor: PositiveFloat = Field(1.0, title="the factor of all channels", examples=[0.5])
    last_width: PositiveInt = Field(
        1280, title="the channels of the last convolution; width_factor makes them only more"
    )
    dropout: BelowOne = Field(0.2, title="the probability of dropout before the last layer", examples=[0.2])


class ShuffleNetV2Keys(ModelKeys):
    """Blocks that work on half of the channels and then mix the halves."""

    target: ClassVar[str] = "cifar_cli.models.shufflenet_v2:ShuffleNetV2"
    example: ClassVar[Mapping[str, Any]] = {"blocks": [2], "width": 8, "last_width": 16}
    paper: ClassVar[str] = "Ma et al. 2018, arXiv:1807.11164"
    takes_any_size: ClassVar[bool] = True

    name: Literal["shufflenet_v2"] = "shufflenet_v2"
    blocks: Blocks = (4, 8, 4)
    width: PositiveInt = Field(
        116,
        title="the channels of the first stage, an even number; each later stage doubles them",
        multiple_of=2,
        description="an even number of channels, at least 2",
        examples=[116],
    )
    last_width: PositiveInt = Field(1024, title="the channels of the last convolution")


class RepVGGA0Keys(ModelKeys):
    """Three branches in each block, which become one 3×3 convolution after the training."""

    target: ClassVar[str] = "cifar_cli.models.repvgg:RepVGG"
    example: ClassVar[Mapping[str, Any]] = {"blocks": [1, 2], "width": 4, "last_width": 8}
    paper: ClassVar[str] = "Ding et al. 2021, arXiv:2101.03697"
    takes_any_size: ClassVar[bool] = True

    name: Literal["repvgg_a0"] = "repvgg_a0"
    blocks: Blocks = (2, 4, 14, 1)
    width: PositiveInt = Field(48, title="the channels of the first stage; later stages but the last double them")
    last_width: PositiveInt = Field(1280, title="the channels of the last stage")


MOBILE = (MobileNetV2Keys, ShuffleNetV2Keys, RepVGGA0Keys)
