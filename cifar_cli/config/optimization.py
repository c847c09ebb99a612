"""The keys of the loss and the schedules. Descriptions and examples are used as in the schema."""

from typing import Literal

from pydantic import Field

from cifar_cli.section import BelowOne, NonNegativeFloat, PositiveInt, Section, UnitInterval


class CrossEntropyKeys(Section):
    """What training makes small."""

    name: Literal["cross_entropy"] = Field("cross_entropy", description="cross_entropy", examples=["cross_entropy"])
    label_smoothing: BelowOne = Field(0.0, description="a number from 0 to below 1", examples=[0.1])


class WarmupScheduleKeys(Section):
    """What the schedules have that begin at their full learning rate."""

    warmup_epochs: NonNegativeFloat = Field(0.0, description="a number of epochs, 0 or more", examples=[1])


class ConstantKeys(WarmupScheduleKeys):
    """The same learning rate throughout."""

    name: Literal["constant"] = "constant"


class StepKeys(WarmupScheduleKeys):
    """The learning rate times gamma, every so many epochs."""

    name: Literal["step"] = "step"
    every_epochs: PositiveInt = Field(30, description="a whole number of epochs, at least 1", examples=[30])
    gamma: float = Field(0.1, gt=0, le=1, description="a number above 0, at most 1", examples=[0.1])


class CosineKeys(WarmupScheduleKeys):
    """Half a cosine wave downwards."""

    name: Literal["cosine"] = "cosine"
    final_lr_ratio: UnitInterval = Field(0.0, description="a number from 0 to 1", examples=[0.01])


class LinearKeys(WarmupScheduleKeys):
    """A straight line downwards."""

    name: Literal["linear"] = "linear"
    final_lr_ratio: UnitInterval = Field(0.0, description="a number from 0 to 1", examples=[0.01])


class OneCycleKeys(Section):
    """Up and down along cosines, as torch.optim.lr_scheduler.OneCycleLR does."""

    name: Literal["one_cycle"] = "one_cycle"
    peak_at: float = Field(0.3, gt=0, lt=1, description="a fraction of the training between 0 and 1", examples=[0.3])
    start_lr_ratio: float = Field(0.04, gt=0, le=1, description="a number above 0, at most 1", examples=[0.04])
    final_lr_ratio: UnitInterval = Field(1e-4, description="a number from 0 to 1", examples=[0.0001])


class TriangleKeys(Section):
    """Up and down along straight lines."""

    name: Literal["triangle"] = "triangle"
    peak_at: float = Field(0.2, gt=0, lt=1, description="a fraction of the training between 0 and 1", examples=[0.2])
    start_lr_ratio: UnitInterval = Field(0.0, description="a number from 0 to 1", examples=[0.2])
    final_lr_ratio: UnitInterval = Field(0.0, description="a number from 0 to 1", examples=[0.0])
