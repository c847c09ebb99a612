"""The keys of the averages of weights. Descriptions and examples are used as in the schema."""

from typing import Literal

from pydantic import Field

from cifar_cli.section import BelowOne, PositiveInt, Section


class NoAverageKeys(Section):
    """The weights as the optimiser leaves them."""

    name: Literal["none"] = "none"


class EmaKeys(Section):
    """The moving average of the weights, by which the network is judged."""

    name: Literal["ema"] = "ema"
    decay: BelowOne = Field(0.999, description="a number from 0 to below 1", examples=[0.999])


class LookaheadKeys(Section):
    """Slow weights that the fast ones go back to. The defaults are those of airbench94's SGD recipe, for CIFAR-10."""

    name: Literal["lookahead"] = "lookahead"
    every_steps: PositiveInt = Field(5, description="a whole number of steps, at least 1", examples=[5])
    decay: BelowOne = Field(0.95, description="a number from 0 to below 1", examples=[0.95])


Average = NoAverageKeys | EmaKeys | LookaheadKeys
