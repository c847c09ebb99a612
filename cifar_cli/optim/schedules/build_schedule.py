"""Learning-rate schedules.

A schedule is a function from the step, 0 to total_steps - 1, to a factor in [0, 1] of the learning rate.
epoch_ends: the numbers of steps after which one, two, … epochs are complete; epochs can differ in length.
"""

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch.optim.lr_scheduler import LambdaLR

from cifar_cli.optim.reported_lr import LR_SCALE, group_name, reported_position
from cifar_cli.optim.schedules.plateau import Plateau
from cifar_cli.optim.schedules.table import SCHEDULES
from cifar_cli.section import call_with_accepted, load_target

Schedule = Callable[[int], float]


class Scheduler(LambdaLR):
    """torch's LambdaLR, with scales of layers, and with what a schedule has learned from validation.

    A parameter group's `lr_scale` is a factor of its learning rate besides that of the schedule. plateaus: one for each
    parameter group if the schedule is such a one, else none. They all have the same state.
    """

    def __init__(
        self, optimizer: torch.optim.Optimizer, lr_lambdas: list[Schedule], *, plateaus: Sequence[Plateau] = ()
    ) -> None:
        self._plateaus = plateaus
        super().__init__(optimizer, lr_lambdas)

    def get_lr(self) -> list[float | Tensor]:
        return [lr * scale for lr, scale in zip(super().get_lr(), _scales(self), strict=True)]

    def epoch_ended(self, *, val_loss: float, val_accuracy: float) -> None:
        """Takes the validation results of an epoch, from which the learning rate of the next step may depend."""
        for plateau in self._plateaus:
            plateau.epoch_ended(val_loss=val_loss, val_accuracy=val_accuracy)
        set_lrs(self)

    def state_dict(self) -> dict[str, Any]:
        state = super().state_dict()
        del state["_plateaus"]
        return {**state, "plateau": self._plateaus[0].state_dict()} if self._plateaus else state

    def load_state_dict(self, state_dict: dict[str, Any]) -> None:
        saved = dict(state_dict)
        learned = saved.pop("plateau", None)
        super().load_state_dict(saved)
        for plateau in self._plateaus:
            plateau.load_state_dict(learned)


def warm_up(schedule: Schedule, *, warmup_steps: int) -> Schedule:
    """Returns `schedule` after a straight line up to its first factor, which takes `warmup_steps` steps."""

    def factor(step: int) -> float:
        if step < warmup_steps:
            return (step + 1) / (warmup_steps + 1) * schedule(0)
        return schedule(step - warmup_steps)

    return factor


def build_schedule(
    name: str,
    optimizer: torch.optim.Optimizer,
    *,
    epoch_steps: Sequence[int],
    warmup_epochs: float = 0.0,
    **arguments: float | str,
) -> Scheduler:
    """Returns a scheduler that has to be stepped after each optimizer step.

    epoch_steps: the number of steps of each epoch. A parameter group with `epochs` gets a schedule of that length,
    and a learning rate of 0 afterwards.
    """
    build = load_target(SCHEDULES[name].target)
    steps_in = partial(_steps_in, epoch_steps)
    epoch_ends = [
        round(steps_in(warmup_epochs + epochs) - steps_in(warmup_epochs)) for epochs in range(1, len(epoch_steps) + 1)
    ]

    plateaus: list[Plateau] = []

    def schedule_over(group_epochs: float | None) -> Schedule:
        steps = max(round(steps_in(group_epochs or len(epoch_steps))), 1)
        warmup_steps = min(round(steps_in(warmup_epochs)), steps - 1)
        available = {
            "total_steps": steps - warmup_steps,
            "epoch_ends": epoch_ends,
            "warmup_steps": warmup_steps,
        }
        schedule: Schedule = call_with_accepted(build, (), available, **arguments)
        if isinstance(schedule, Plateau):
            plateaus.append(schedule)
        factor = warm_up(schedule, warmup_steps=warmup_steps)
        if group_epochs is None:
            # After the last step LambdaLR asks for the factor of one more step, which is never taken.
            return lambda step: factor(min(step, steps - 1))
        return lambda step: factor(step) if step < steps else 0.0

    factors = [schedule_over(group.get("epochs")) for group in optimizer.param_groups]
    return Scheduler(optimizer, factors, plateaus=plateaus)


def set_lrs(scheduler: LambdaLR) -> None:
    """Sets the next step's learning rates by this schedule: loaded ones may be of a schedule that ended earlier."""
    lrs = _lrs(scheduler, scheduler.last_epoch)
    for group, lr, scale in zip(scheduler.optimizer.param_groups, lrs, _scales(scheduler), strict=True):
        group["lr"] = lr * scale


def last_lr(scheduler: LambdaLR) -> float:
    """Returns the reported learning rate of the last step taken, not scaled for any layer."""
    return _lrs(scheduler, scheduler.last_epoch - 1)[reported_position(scheduler.optimizer.param_groups)]


def last_group_lrs(scheduler: LambdaLR) -> dict[str, float]:
    """Returns the last step's learning rate of each parameter group of the configuration, by its name."""
    lrs = _lrs(scheduler, scheduler.last_epoch - 1)
    return {group_name(group): lr for group, lr in zip(scheduler.optimizer.param_groups, lrs, strict=True)}


def peak_step(scheduler: LambdaLR, *, steps: int) -> int:
    """Returns the first of `steps` steps with the largest reported learning rate: the number of steps of warm-up."""
    factor = scheduler.lr_lambdas[reported_position(scheduler.optimizer.param_groups)]
    return max(range(steps), key=factor, default=0)


def _scales(scheduler: LambdaLR) -> list[float]:
    return [group.get(LR_SCALE, 1.0) for group in scheduler.optimizer.param_groups]


def _lrs(scheduler: LambdaLR, step: int) -> list[float]:
    return [float(lr) * factor(step) for lr, factor in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)]


def _steps_in(epoch_steps: Sequence[int], epochs: float) -> float:
    """Returns the number of steps in the first `epochs` epochs, which may end within an epoch.

    Epochs beyond the last one count like the last one.
    """
    whole, part = int(epochs), epochs % 1
    if whole >= len(epoch_steps):
        return sum(epoch_steps) + (epochs - len(epoch_steps)) * epoch_steps[-1]
    return sum(epoch_steps[:whole]) + part * epoch_steps[whole]
