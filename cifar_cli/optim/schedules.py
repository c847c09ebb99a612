"""Learning-rate schedules: what share of the full learning rate each step gets. Knows no optimiser but to drive it.

A schedule is a function from the step, 0 up to total_steps - 1, to a factor in [0, 1]. epoch_ends are the steps before
which one, two, … epochs of it are complete: not all epochs need be of one length.
"""

from bisect import bisect_right
from collections.abc import Callable, Sequence
from functools import partial
from math import cos, pi

import torch
from torch.optim.lr_scheduler import LambdaLR

from cifar_cli.optim.reported_lr import reported_position
from cifar_cli.optim.table import SCHEDULES
from cifar_cli.section import load_target

Schedule = Callable[[int], float]


def constant(*, total_steps: int, epoch_ends: Sequence[int]) -> Schedule:
    """Returns the full learning rate throughout."""
    return lambda step: 1.0


def step(*, total_steps: int, epoch_ends: Sequence[int], every_epochs: int = 30, gamma: float = 0.1) -> Schedule:
    """Returns a staircase: after each `every_epochs` epochs, `gamma` times what it was."""
    return lambda step: gamma ** (bisect_right(epoch_ends, step) // every_epochs)


def cosine(*, total_steps: int, epoch_ends: Sequence[int], final_lr_ratio: float = 0.0) -> Schedule:
    """Returns half a cosine from 1 down to `final_lr_ratio`. Source: Loshchilov and Hutter, arXiv:1608.03983."""
    return lambda step: _cosine_between(1.0, final_lr_ratio, step / total_steps)


def one_cycle(
    *,
    total_steps: int,
    epoch_ends: Sequence[int],
    peak_at: float = 0.3,
    start_lr_ratio: float = 0.04,
    final_lr_ratio: float = 1e-4,
) -> Schedule:
    """Returns a cosine from `start_lr_ratio` up to 1 at the share `peak_at` of all steps, and another one down.

    As torch's OneCycleLR has it. Source: Smith and Topin, arXiv:1708.07120.
    """
    peak_step = peak_at * total_steps - 1
    last_step = total_steps - 1

    def factor(step: int) -> float:
        if step <= peak_step:
            return _cosine_between(start_lr_ratio, 1.0, step / max(peak_step, 1))
        return _cosine_between(1.0, final_lr_ratio, (step - peak_step) / (last_step - peak_step))

    return factor


def linear(*, total_steps: int, epoch_ends: Sequence[int], final_lr_ratio: float = 0.0) -> Schedule:
    """Returns a straight line from 1 down to `final_lr_ratio`."""
    return lambda step: 1.0 + (final_lr_ratio - 1.0) * step / total_steps


def triangle(
    *,
    total_steps: int,
    epoch_ends: Sequence[int],
    peak_at: float = 0.2,
    start_lr_ratio: float = 0.0,
    final_lr_ratio: float = 0.0,
) -> Schedule:
    """Returns a straight line from `start_lr_ratio` up to 1 at the share `peak_at` of all steps, and one down."""
    peak_step = peak_at * total_steps

    def factor(step: int) -> float:
        done = step + 1  # the first step already moves
        if done <= peak_step:
            return start_lr_ratio + (1.0 - start_lr_ratio) * done / peak_step
        return 1.0 + (final_lr_ratio - 1.0) * (done - peak_step) / (total_steps - peak_step)

    return factor


def warm_up(schedule: Schedule, *, warmup_steps: int) -> Schedule:
    """Returns `schedule` behind a straight climb over `warmup_steps`; the schedule begins when the climb is done."""

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
    """Returns torch's scheduler that, stepped after each optimiser step, sets the learning rate of the next.

    epoch_steps: how many steps each epoch takes. A group of the optimiser's that has `epochs` gets a schedule of that
    length, and a learning rate of 0 afterwards.
    """
    build = load_target(SCHEDULES[name].target)
    steps_in = partial(_steps_in, epoch_steps)
    epoch_ends = [
        round(steps_in(warmup_epochs + epochs) - steps_in(warmup_epochs)) for epochs in range(1, len(epoch_steps) + 1)
    ]

    def over(group_epochs: float | None) -> Schedule:
        steps = max(round(steps_in(group_epochs or len(epoch_steps))), 1)
        warmup_steps = min(round(steps_in(warmup_epochs)), steps - 1)
        schedule: Schedule = build(total_steps=steps - warmup_steps, epoch_ends=epoch_ends, **arguments)
        factor = warm_up(schedule, warmup_steps=warmup_steps)
        if group_epochs is None:
            # After the last step LambdaLR asks for one more, which lies beyond the schedule's end and is never taken.
            return lambda step: factor(min(step, steps - 1))
        return lambda step: factor(step) if step < steps else 0.0

    return LambdaLR(optimizer, [over(group.get("epochs")) for group in optimizer.param_groups])


def set_rates(scheduler: LambdaLR) -> None:
    """Sets the next step's learning rates by this schedule; those that are set may be of one that ended earlier."""
    for group, lr in zip(scheduler.optimizer.param_groups, _rates(scheduler, scheduler.last_epoch), strict=True):
        group["lr"] = lr


def last_rate(scheduler: LambdaLR) -> float:
    """Returns the reported learning rate of the step that was taken last."""
    return _rates(scheduler, scheduler.last_epoch - 1)[reported_position(scheduler.optimizer.param_groups)]


def _rates(scheduler: LambdaLR, step: int) -> list[float]:
    return [float(lr) * factor(step) for lr, factor in zip(scheduler.base_lrs, scheduler.lr_lambdas, strict=True)]


def _steps_in(epoch_steps: Sequence[int], epochs: float) -> float:
    """Returns how many steps there are in the first `epochs` epochs, of which the last may be a part of one."""
    whole, part = int(epochs), epochs % 1
    return sum(epoch_steps[:whole]) + (part * epoch_steps[whole] if part and whole < len(epoch_steps) else 0)


def _cosine_between(start: float, end: float, progress: float) -> float:
    """Returns the value at `progress` in [0, 1] of half a cosine from `start` to `end`."""
    return end + (start - end) * (1 + cos(pi * progress)) / 2
