"""Optimizers, schedules, averages of weights and losses: their keys, and where the code is.

To add one, write its file in `optim/`, or take torch's class, and write its entry here.
"""

from typing import ClassVar, Literal

from pydantic import Field

from cifar_cli.section import (
    BelowOne,
    Entry,
    Flag,
    Fraction,
    NonNegativeFloat,
    PositiveFloat,
    PositiveInt,
    UnitInterval,
    table,
)

# --- optimizers: called with parameter groups, each of which has the keys except decay_norm_and_bias ---------------


class OptimizerKeys(Entry):
    """The keys of every optimizer."""

    fusable: ClassVar[bool] = False
    """Whether the class accepts the argument `fused`: one pass over all parameters."""
    matrices_only: ClassVar[bool] = False
    """Whether the optimizer cannot take parameters with one dimension, such as biases."""

    lr: PositiveFloat = 0.01
    weight_decay: NonNegativeFloat = 0.0
    # Decaying biases and norm layers gains nothing and costs accuracy: "Bag of Tricks", He et al. 2019, section 3.1.
    decay_norm_and_bias: Flag = Field(False, examples=[False])

    @property
    def lacks_momentum(self) -> bool:
        """Whether the keys ask for Nesterov momentum with a momentum of 0."""
        return False


class MomentumKeys(OptimizerKeys):
    """The keys of optimizers with momentum."""

    momentum: BelowOne = 0.0
    nesterov: Flag = Field(False, examples=[False])

    @property
    def lacks_momentum(self) -> bool:
        return self.nesterov and self.momentum == 0


class SgdKeys(MomentumKeys):
    """torch.optim.SGD."""

    target: ClassVar[str] = "torch.optim:SGD"
    fusable: ClassVar[bool] = True

    name: Literal["sgd"] = "sgd"


class AdamFamilyKeys(OptimizerKeys):
    """The keys of Adam and AdamW."""

    fusable: ClassVar[bool] = True

    lr: PositiveFloat = Field(1e-3, examples=[0.001])
    betas: tuple[BelowOne, BelowOne] = Field(
        (0.9, 0.999), description="a list of two numbers from 0 to below 1", examples=[[0.9, 0.999]]
    )
    eps: PositiveFloat = Field(1e-8, examples=[1e-8])


class AdamKeys(AdamFamilyKeys):
    """torch.optim.Adam."""

    target: ClassVar[str] = "torch.optim:Adam"

    name: Literal["adam"] = "adam"


class AdamWKeys(AdamFamilyKeys):
    """torch.optim.AdamW."""

    target: ClassVar[str] = "torch.optim:AdamW"

    name: Literal["adamw"] = "adamw"
    weight_decay: NonNegativeFloat = Field(0.01, examples=[0.01])


class MuonKeys(MomentumKeys):
    """Momentum whose steps are orthogonalized, for filter banks and matrices; defaults of airbench94's recipe."""

    target: ClassVar[str] = "cifar_cli.optim.muon:Muon"
    matrices_only: ClassVar[bool] = True

    name: Literal["muon"] = "muon"
    lr: PositiveFloat = Field(0.24, examples=[0.24])
    momentum: BelowOne = Field(0.6, examples=[0.6])
    nesterov: Flag = True
    newton_schulz_steps: PositiveInt = Field(3, le=20, description="a whole number from 1 to 20", examples=[3])
    normalize_weights: Flag = True


OPTIMIZERS = table(SgdKeys, AdamKeys, AdamWKeys, MuonKeys)


# --- schedules: called with total_steps, epoch_ends and the keys; give a factor for each step -----------------------


class ScheduleKeys(Entry):
    """The keys of every schedule, and facts for the checks."""

    is_extendable: ClassVar[bool] = False
    """Whether a run can be extended: the factor of a step does not depend on the number of steps."""


class WarmupScheduleKeys(ScheduleKeys):
    """The keys of schedules that start at the full learning rate."""

    warmup_epochs: NonNegativeFloat = Field(0.0, description="a number of epochs, 0 or more", examples=[1])


class ConstantKeys(WarmupScheduleKeys):
    """The same learning rate at every step."""

    target: ClassVar[str] = "cifar_cli.optim.schedules:constant"
    is_extendable: ClassVar[bool] = True

    name: Literal["constant"] = "constant"


class StepKeys(WarmupScheduleKeys):
    """The learning rate times gamma, every so many epochs."""

    target: ClassVar[str] = "cifar_cli.optim.schedules:step"
    is_extendable: ClassVar[bool] = True

    name: Literal["step"] = "step"
    every_epochs: PositiveInt = Field(30, description="a whole number of epochs, at least 1", examples=[30])
    gamma: Fraction = 0.1


class CosineKeys(WarmupScheduleKeys):
    """Half a cosine wave downwards."""

    target: ClassVar[str] = "cifar_cli.optim.schedules:cosine"

    name: Literal["cosine"] = "cosine"
    final_lr_ratio: UnitInterval = 0.0


class LinearKeys(WarmupScheduleKeys):
    """A straight line downwards."""

    target: ClassVar[str] = "cifar_cli.optim.schedules:linear"

    name: Literal["linear"] = "linear"
    final_lr_ratio: UnitInterval = 0.0


class OneCycleKeys(ScheduleKeys):
    """A cosine up and a cosine down, as in torch.optim.lr_scheduler.OneCycleLR."""

    target: ClassVar[str] = "cifar_cli.optim.schedules:one_cycle"

    name: Literal["one_cycle"] = "one_cycle"
    peak_at: float = Field(0.3, gt=0, lt=1, description="a fraction of the training between 0 and 1", examples=[0.3])
    start_lr_ratio: Fraction = Field(0.04, examples=[0.04])
    final_lr_ratio: UnitInterval = Field(1e-4, examples=[0.0001])


class TriangleKeys(ScheduleKeys):
    """A straight line up and a straight line down."""

    target: ClassVar[str] = "cifar_cli.optim.schedules:triangle"

    name: Literal["triangle"] = "triangle"
    peak_at: float = Field(0.2, gt=0, lt=1, description="a fraction of the training between 0 and 1", examples=[0.2])
    start_lr_ratio: UnitInterval = Field(0.0, examples=[0.2])
    final_lr_ratio: UnitInterval = Field(0.0, examples=[0.0])


SCHEDULES = table(ConstantKeys, StepKeys, CosineKeys, LinearKeys, OneCycleKeys, TriangleKeys)


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
    decay: BelowOne = Field(0.999, examples=[0.999])


class LookaheadKeys(AverageKeys):
    """Slow weights that the weights return to every few steps; defaults of airbench94's SGD recipe."""

    target: ClassVar[str] = "cifar_cli.optim.averages:Lookahead"
    is_extendable: ClassVar[bool] = False

    name: Literal["lookahead"] = "lookahead"
    every_steps: PositiveInt = Field(5, description="a whole number of steps, at least 1", examples=[5])
    decay: BelowOne = Field(0.95, examples=[0.95])


AVERAGES = table(NoAverageKeys, EmaKeys, LookaheadKeys)


# --- losses: called with the keys; return a function of logits, targets and a reduction -------------------------------


class LossKeys(Entry):
    """The keys of every loss."""


class CrossEntropyKeys(LossKeys):
    """−log softmax of the true class's logit."""

    target: ClassVar[str] = "cifar_cli.optim.losses:cross_entropy"

    name: Literal["cross_entropy"] = "cross_entropy"
    label_smoothing: BelowOne = Field(0.0, examples=[0.1])


LOSSES = table(CrossEntropyKeys)
