"""Learning-rate schedules: their keys, and where the code is.

To add one, write `optim/schedules/<name>.py` and its entry here. What is called gets the keys and, by keyword,
`total_steps` and `epoch_ends`: the numbers of steps after which one, two, … epochs are complete, which can differ in
length; if its signature names it, also `warmup_steps`, the number of steps before. It returns a function from the step,
0 to total_steps - 1, to a factor in [0, 1] of the learning rate. What follows the validation results is a class derived
from `Plateau`.
"""

from typing import ClassVar, Literal

from pydantic import Field

from cifar_cli.section import (
    BelowOne,
    Entry,
    Fraction,
    NonNegativeFloat,
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    UnitInterval,
    table,
)


class ScheduleKeys(Entry):
    """The keys of every schedule, and facts for the checks."""

    is_extendable: ClassVar[bool] = False
    """Whether a run can be extended: the factor of a step does not depend on the number of steps."""
    needs_validation: ClassVar[bool] = False
    """Whether the factor depends on the results on the validation images."""

    @property
    def epochs_of_warmup(self) -> float:
        """The epochs in which the learning rate first rises in a straight line."""
        return 0.0


class WarmupScheduleKeys(ScheduleKeys):
    """The keys of schedules that start at the full learning rate."""

    warmup_epochs: NonNegativeFloat = Field(
        0.0,
        title="epochs in which the learning rate first rises in a straight line",
        description="a number of epochs, 0 or more",
        examples=[1],
    )

    @property
    def epochs_of_warmup(self) -> float:
        return self.warmup_epochs


class ConstantKeys(WarmupScheduleKeys):
    """The same learning rate at every step."""

    target: ClassVar[str] = "cifar_cli.optim.schedules.constant:constant"
    is_extendable: ClassVar[bool] = True

    name: Literal["constant"] = "constant"


class StepKeys(WarmupScheduleKeys):
    """The learning rate times gamma, every so many epochs."""

    target: ClassVar[str] = "cifar_cli.optim.schedules.step:step"
    is_extendable: ClassVar[bool] = True

    name: Literal["step"] = "step"
    every_epochs: PositiveInt = Field(
        30, title="epochs between two reductions", description="a whole number of epochs, at least 1", examples=[30]
    )
    gamma: Fraction = Field(0.1, title="the factor of each reduction")


class CosineKeys(WarmupScheduleKeys):
    """Half a cosine wave downwards."""

    target: ClassVar[str] = "cifar_cli.optim.schedules.cosine:cosine"

    name: Literal["cosine"] = "cosine"
    final_lr_ratio: UnitInterval = Field(0.0, title="the learning rate at the end, as a fraction of lr")


class LinearKeys(WarmupScheduleKeys):
    """A straight line downwards."""

    target: ClassVar[str] = "cifar_cli.optim.schedules.linear_decay:linear_decay"

    name: Literal["linear"] = "linear"
    final_lr_ratio: UnitInterval = Field(0.0, title="the learning rate at the end, as a fraction of lr")


class OneCycleKeys(ScheduleKeys):
    """A cosine up and a cosine down, as in torch.optim.lr_scheduler.OneCycleLR."""

    target: ClassVar[str] = "cifar_cli.optim.schedules.one_cycle:one_cycle"

    name: Literal["one_cycle"] = "one_cycle"
    peak_at: float = Field(
        0.3,
        title="the fraction of the training at which lr is reached",
        gt=0,
        lt=1,
        description="a fraction of the training between 0 and 1",
        examples=[0.3],
    )
    start_lr_ratio: Fraction = Field(0.04, title="the learning rate at the start, as a fraction of lr", examples=[0.04])
    final_lr_ratio: UnitInterval = Field(
        1e-4, title="the learning rate at the end, as a fraction of lr", examples=[0.0001]
    )


class TriangleKeys(ScheduleKeys):
    """A straight line up and a straight line down."""

    target: ClassVar[str] = "cifar_cli.optim.schedules.triangle:triangle"

    name: Literal["triangle"] = "triangle"
    peak_at: float = Field(
        0.2,
        title="the fraction of the training at which lr is reached",
        gt=0,
        lt=1,
        description="a fraction of the training between 0 and 1",
        examples=[0.2],
    )
    start_lr_ratio: UnitInterval = Field(
        0.0, title="the learning rate at the start, as a fraction of lr", examples=[0.2]
    )
    final_lr_ratio: UnitInterval = Field(0.0, title="the learning rate at the end, as a fraction of lr", examples=[0.0])


class CosineRestartsKeys(WarmupScheduleKeys):
    """Half a cosine wave downwards again and again, as in torch.optim.lr_scheduler.CosineAnnealingWarmRestarts."""

    target: ClassVar[str] = "cifar_cli.optim.schedules.cosine_restarts:cosine_restarts"
    is_extendable: ClassVar[bool] = True

    name: Literal["cosine_restarts"] = "cosine_restarts"
    first_epochs: PositiveInt = Field(
        10, title="the epochs of the first wave", description="a whole number of epochs, at least 1", examples=[10]
    )
    multiplier: PositiveInt = Field(
        1,
        title="how many times as long as the wave before it a wave is",
        description="a whole number, at least 1",
        examples=[2],
    )
    final_lr_ratio: UnitInterval = Field(0.0, title="the learning rate at the end of a wave, as a fraction of lr")


class PolynomialKeys(WarmupScheduleKeys):
    """A power of the part of the training that is left, as in torch.optim.lr_scheduler.PolynomialLR."""

    target: ClassVar[str] = "cifar_cli.optim.schedules.polynomial:polynomial"

    name: Literal["polynomial"] = "polynomial"
    power: PositiveFloat = Field(1.0, title="the power; with 1 it is a straight line", examples=[0.9])
    final_lr_ratio: UnitInterval = Field(0.0, title="the learning rate at the end, as a fraction of lr")


class WsdKeys(WarmupScheduleKeys):
    """Warm-up, the same learning rate for most of the training, and a cooldown; with a linear one, a trapezoid."""

    target: ClassVar[str] = "cifar_cli.optim.schedules.wsd:wsd"

    name: Literal["wsd"] = "wsd"
    cooldown_fraction: Fraction = Field(0.2, title="the fraction of the training, its last, in which the rate falls")
    cooldown_shape: Literal["linear", "1-sqrt"] = Field(
        "1-sqrt", title="linear: a straight line; 1-sqrt: first fast, then slowly"
    )
    final_lr_ratio: UnitInterval = Field(0.0, title="the learning rate at the end, as a fraction of lr")


class PlateauKeys(WarmupScheduleKeys):
    """A smaller learning rate whenever validation stops improving, as torch.optim.lr_scheduler.ReduceLROnPlateau."""

    target: ClassVar[str] = "cifar_cli.optim.schedules.plateau:Plateau"
    is_extendable: ClassVar[bool] = True
    needs_validation: ClassVar[bool] = True

    name: Literal["plateau"] = "plateau"
    factor: BelowOne = Field(0.1, title="the factor of each reduction", examples=[0.1])
    patience: NonNegativeInt = Field(
        10,
        title="epochs in a row without an improvement that are borne; the next one reduces the learning rate",
        description="a whole number of epochs, 0 or more",
        examples=[10],
    )
    metric: Literal["val_loss", "val_accuracy"] = Field("val_loss", title="what has to improve")
    final_lr_ratio: UnitInterval = Field(0.0, title="the smallest learning rate, as a fraction of lr")


SCHEDULES = table(
    ConstantKeys,
    StepKeys,
    CosineKeys,
    CosineRestartsKeys,
    LinearKeys,
    PolynomialKeys,
    WsdKeys,
    PlateauKeys,
    OneCycleKeys,
    TriangleKeys,
)
