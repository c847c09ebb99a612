"""Learning-rate schedules.

A schedule is a function from the step, 0 to total_steps - 1, to a factor in [0, 1] of the learning rate.
epoch_ends: the numbers of steps after which one, two, … epochs are complete; epochs can differ in length.
"""

from collections.abc import Callable, Sequence
from functools import partial

import torch
from torch.optim.lr_scheduler import LambdaLR

from cifar_cli.optim.reported_lr import group_name, reported_position
from cifar_cli.optim.schedules.table import SCHEDULES
from cifar_cli.section import load_target

Schedule = Callable[[int], float]


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
    **arguments: float,
) -> LambdaLR:
    """Returns a scheduler that has to be stepped after each optimizer step.

    epoch_steps: the number of steps of each epoch. A parameter group with `epochs` gets a schedule of that length,
    and a learning rate of 0 afterwards.
    """
    build = load_target(SCHEDULES[name].target)
    steps_in = partial(_steps_in, epoch_steps)
    epoch_ends = [
        round(steps_in(warmup_epochs + epochs) - steps_in(warmup_epochs)) for epochs in range(1, len(epoch_steps) + 1)
    ]

    def schedule_over(group_epochs: float | None) -> Schedule:
        steps = max(round(steps_in(group_epochs or len(epoch_steps))), 1)
        warmup_steps = min(round(steps_in(warmup_epochs)), steps - 1)
        schedule: Schedule = build(total_steps=steps - warmup_steps, epoch_ends=epoch_ends, **arguments)
        factor = warm_up(schedule, warmup_steps=warmup_steps)
        if group_epochs is None:
            # After the last step LambdaLR asks for the factor of one more step, which is never taken.
            return lambda step: factor(min(step, steps - 1))
        return lambda step: factor(step) if step < steps else 0.0

    return LambdaLR(optimizer, [schedule_over(group.get("epochs")) for group in optimizer.param_groups])


def set_lrs(scheduler: LambdaLR) -> None:
    """Sets the next step's learning rates by this schedule: loaded ones may be of a schedule that ended earlier."""
    for group, lr in zip(scheduler.optimizer.param_groups, _lrs(scheduler, scheduler.last_epoch), strict=True):
        group["lr"] = lr


def last_lr(scheduler: LambdaLR) -> float:
    """Returns the reported learning rate of the last step taken."""
    return _lrs(scheduler, scheduler.last_epoch - 1)[reported_position(scheduler.optimizer.param_groups)]


def last_group_lrs(scheduler: LambdaLR) -> dict[str, float]:
    """Returns the last step's learning rate of each parameter group of the configuration, by its name."""
    lrs = _lrs(scheduler, scheduler.last_epoch - 1)
    return {group_name(group): lr for group, lr in zip(scheduler.optimizer.param_groups, lrs, strict=True)}


def peak_step(scheduler: LambdaLR, *, steps: int) -> int:
    """Returns the first of `steps` steps with the largest reported learning rate: the number of steps of warm-up."""
    factor = scheduler.lr_lambdas[reported_position(scheduler.optimizer.param_groups)]
    return max(range(steps), key=factor, default=0)


def _lrs(scheduler: LambdaLR, step: int) -> list[float]:
    return [float(lr) * factor(step) for lr, factor in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)]


def _steps_in(epoch_steps: Sequence[int], epochs: float) -> float:
    """Returns the number of steps in the first `epochs` epochs, which may end within an epoch."""
    whole, part = int(epochs), epochs % 1
    return sum(epoch_steps[:whole]) + (part * epoch_steps[whole] if part and whole < len(epoch_steps) else 0)
