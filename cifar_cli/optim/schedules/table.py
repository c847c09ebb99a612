"""Learning-rate schedules: their keys, and where the code is.

To add one, write `optim/schedules/<name>.py` and its entry here. What is called gets the keys and, by keyword,
`total_steps` and `epoch_ends`: the numbers of steps after which one, two, … epochs are complete, which can differ in
length. It returns a function from the step, 0 to total_steps - 1, to a factor in [0, 1] of the learning rate.
"""

from typing import ClassVar, Literal

from pydantic import Field

from cifar_cli.section import Entry, Fraction, NonNegativeFloat, PositiveInt, UnitInterval, table


class ScheduleKeys(Entry):
    """The keys of every schedule, and facts for the checks."""

    is_extendable: ClassVar[bool] = False
    """Whether a run can be extended: the factor of a step does not depend on the number of steps."""

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


SCHEDULES = table(ConstantKeys, StepKeys, CosineKeys, LinearKeys, OneCycleKeys, TriangleKeys)
