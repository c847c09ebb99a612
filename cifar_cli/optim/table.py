"""Optimizers, averages of weights and losses: their keys, and where the code is.

To add one, write its file in `optim/`, or derive torch's class in `eager_optimizers.py`, and write its entry here.
"""

from typing import ClassVar, Literal

from pydantic import Field

from cifar_cli.optim.loss_keys import CrossEntropyKeys, FocalKeys, LossKeys
from cifar_cli.section import (
    BelowOne,
    Entry,
    Flag,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    table,
)

__all__ = ["AVERAGES", "LOSSES", "OPTIMIZERS", "SHARPNESS", "AverageKeys", "LossKeys", "OptimizerKeys", "SharpnessKeys"]

# --- optimizers: called with parameter groups, each of which has the keys except decay_norm_and_bias ---------------


class OptimizerKeys(Entry):
    """The keys of every optimizer."""

    fusable: ClassVar[bool] = False
    """Whether the class accepts the argument `fused`: one pass over all parameters."""
    matrices_only: ClassVar[bool] = False
    """Whether the optimizer cannot take parameters with one dimension, such as biases."""

    lr: PositiveFloat = Field(0.01, title="the learning rate; the schedule multiplies it by a factor of at most 1")
    weight_decay: NonNegativeFloat = Field(0.0, title="the decay of the weights, by torch's rule for the optimizer")
    # Decaying biases and norm layers gains nothing and costs accuracy: "Bag of Tricks", He et al. 2019, section 3.1.
    decay_norm_and_bias: Flag = Field(
        False, title="true: decay biases and normalization layers too, as torch does", examples=[False]
    )

    @property
    def lacks_momentum(self) -> bool:
        """Whether the keys ask for Nesterov momentum with a momentum of 0."""
        return False


class MomentumKeys(OptimizerKeys):
    """The keys of optimizers with momentum."""

    momentum: BelowOne = Field(0.0, title="the fraction of the earlier direction that each step keeps")
    nesterov: Flag = Field(False, title="Nesterov's form of momentum", examples=[False])

    @property
    def lacks_momentum(self) -> bool:
        return self.nesterov and self.momentum == 0


class SgdKeys(MomentumKeys):
    """torch.optim.SGD."""

    target: ClassVar[str] = "cifar_cli.optim.eager_optimizers:SGD"
    fusable: ClassVar[bool] = True

    name: Literal["sgd"] = "sgd"


class AdamFamilyKeys(OptimizerKeys):
    """The keys of Adam and AdamW."""

    fusable: ClassVar[bool] = True

    lr: PositiveFloat = Field(
        1e-3, title="the learning rate; the schedule multiplies it by a factor of at most 1", examples=[0.001]
    )
    betas: tuple[BelowOne, BelowOne] = Field(
        (0.9, 0.999),
        title="the decay rates of the two moving averages",
        description="a list of two numbers from 0 to below 1",
        examples=[[0.9, 0.999]],
    )
    eps: PositiveFloat = Field(1e-8, title="keeps the denominator from being 0", examples=[1e-8])


class AdamKeys(AdamFamilyKeys):
    """torch.optim.Adam."""

    target: ClassVar[str] = "cifar_cli.optim.eager_optimizers:Adam"

    name: Literal["adam"] = "adam"


class AdamWKeys(AdamFamilyKeys):
    """torch.optim.AdamW."""

    target: ClassVar[str] = "cifar_cli.optim.eager_optimizers:AdamW"

    name: Literal["adamw"] = "adamw"
    weight_decay: NonNegativeFloat = Field(
        0.01, title="the decay of the weights, by torch's rule for the optimizer", examples=[0.01]
    )


class MuonKeys(MomentumKeys):
    """Momentum whose steps are orthogonalized, for filter banks and matrices; defaults of airbench94's recipe."""

    target: ClassVar[str] = "cifar_cli.optim.muon:Muon"
    matrices_only: ClassVar[bool] = True

    name: Literal["muon"] = "muon"
    lr: PositiveFloat = Field(
        0.24, title="the learning rate; the schedule multiplies it by a factor of at most 1", examples=[0.24]
    )
    momentum: BelowOne = Field(0.6, title="the fraction of the earlier direction that each step keeps", examples=[0.6])
    nesterov: Flag = Field(True, title="Nesterov's form of momentum")
    newton_schulz_steps: PositiveInt = Field(
        3,
        title="iterations that make a step orthogonal",
        le=20,
        description="a whole number from 1 to 20",
        examples=[3],
    )
    normalize_weights: Flag = Field(
        True,
        title="before each step, scale C_out rows to the norm of rows of length 1; for layers before a BatchNorm",
    )


OPTIMIZERS = table(SgdKeys, AdamKeys, AdamWKeys, MuonKeys)


# --- averages of weights: called with the keys and, where their signature names them, model and total_steps ---------


class AverageKeys(Entry):
    """The keys of every average, and facts for the checks."""

    is_extendable: ClassVar[bool] = True
    """Whether a run can be extended: the average after a step does not depend on the number of steps."""


class NoAverageKeys(AverageKeys):
    """The weights as the optimizer leaves them."""

    target: ClassVar[str] = "cifar_cli.optim.averages:NoAverage"

    name: Literal["none"] = "none"


class EmaKeys(AverageKeys):
    """The moving average of the weights, with which the network is evaluated."""

    target: ClassVar[str] = "cifar_cli.optim.averages:Ema"

    name: Literal["ema"] = "ema"
    decay: BelowOne = Field(0.999, title="the fraction of the average that each step keeps", examples=[0.999])
    warmup: Flag = Field(
        False, title="true: step t keeps at most (1 + t) / (10 + t), so that early weights are soon forgotten"
    )


class LookaheadKeys(AverageKeys):
    """Slow weights that the weights return to every few steps; defaults of airbench94's SGD recipe."""

    target: ClassVar[str] = "cifar_cli.optim.averages:Lookahead"
    is_extendable: ClassVar[bool] = False

    name: Literal["lookahead"] = "lookahead"
    every_steps: PositiveInt = Field(
        5,
        title="steps between two updates of the slow weights, with which training also ends",
        description="a whole number of steps, at least 1",
        examples=[5],
    )
    decay: BelowOne = Field(
        0.95, title="the fraction of the slow weights that a step keeps, late in the training", examples=[0.95]
    )


AVERAGES = table(NoAverageKeys, EmaKeys, LookaheadKeys)


# --- sharpness: called with the keys; None for one pass a step ------------------------------------------------------


class SharpnessKeys(Entry):
    """The keys of sharpness-aware minimization, and facts for the checks."""

    passes: ClassVar[int] = 2
    """The forward and backward passes of a step."""


class NoSharpnessKeys(SharpnessKeys):
    """Steps by the gradient at the weights themselves."""

    target: ClassVar[str] = "cifar_cli.optim.sharpness:no_sharpness"
    passes: ClassVar[int] = 1

    name: Literal["none"] = "none"


class SamKeys(SharpnessKeys):
    """SAM: steps by the gradient at the worst weights within a distance; each step takes two passes."""

    target: ClassVar[str] = "cifar_cli.optim.sharpness:Sam"

    name: Literal["sam"] = "sam"
    rho: PositiveFloat = Field(
        0.05, title="the distance, in weight space, of the weights whose gradient is taken", examples=[0.05]
    )


class AsamKeys(SharpnessKeys):
    """ASAM: as SAM, with distances relative to the size of each weight."""

    target: ClassVar[str] = "cifar_cli.optim.sharpness:Asam"

    name: Literal["asam"] = "asam"
    rho: PositiveFloat = Field(
        0.5, title="the distance, relative to the weights, of the weights whose gradient is taken", examples=[0.5]
    )
    eta: NonNegativeFloat = Field(0.01, title="is added to the size of each weight", examples=[0.01])


SHARPNESS = table(NoSharpnessKeys, SamKeys, AsamKeys)


# --- losses: called with the keys, `balanced` as weights; a loss of logits, targets and a reduction -------------------

LOSSES = table(CrossEntropyKeys, FocalKeys)
