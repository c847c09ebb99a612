"""Learning rates held against torch's schedulers, or else against numbers worked by hand."""

import warnings

import pytest
import torch
from torch import nn
from torch.optim.lr_scheduler import (
    CosineAnnealingLR,
    CosineAnnealingWarmRestarts,
    LinearLR,
    LRScheduler,
    OneCycleLR,
    PolynomialLR,
    ReduceLROnPlateau,
    StepLR,
)

from cifar_cli.config.schema import CHOICES
from cifar_cli.optim.schedules.build_schedule import Scheduler, build_schedule, last_lr
from cifar_cli.optim.schedules.table import SCHEDULES
from cifar_cli.section import load_target

EPOCHS, STEPS_PER_EPOCH, LR = 5, 7, 0.4
TOTAL_STEPS = EPOCHS * STEPS_PER_EPOCH


def sgd() -> torch.optim.Optimizer:
    return torch.optim.SGD([nn.Parameter(torch.zeros(1))], lr=LR)


def lrs_of(optimizer: torch.optim.Optimizer, scheduler: LRScheduler, *, steps: int = TOTAL_STEPS) -> list[float]:
    """Returns the learning rate of each step."""
    taken = []
    for step in range(steps):
        taken.append(optimizer.param_groups[0]["lr"])
        optimizer.step()
        if step < steps - 1:
            scheduler.step()
    return taken


def built_lrs(name: str, **arguments: float | str) -> list[float]:
    optimizer = sgd()
    scheduler = build_schedule(name, optimizer, epoch_steps=[STEPS_PER_EPOCH] * EPOCHS, **arguments)
    return lrs_of(optimizer, scheduler)


def test_constant_is_the_full_learning_rate_at_every_step() -> None:
    assert built_lrs("constant") == [LR] * TOTAL_STEPS


@pytest.mark.parametrize("final_lr_ratio", [0.0, 0.1])
def test_cosine_equals_torchs_cosine_annealing(final_lr_ratio: float) -> None:
    optimizer = sgd()
    expected = lrs_of(optimizer, CosineAnnealingLR(optimizer, T_max=TOTAL_STEPS, eta_min=final_lr_ratio * LR))
    assert built_lrs("cosine", final_lr_ratio=final_lr_ratio) == pytest.approx(expected, rel=1e-9, abs=1e-12)


@pytest.mark.parametrize(("every_epochs", "gamma"), [(1, 0.5), (2, 0.1)])
def test_step_equals_torchs_step_lr(every_epochs: int, gamma: float) -> None:
    optimizer = sgd()
    expected = lrs_of(optimizer, StepLR(optimizer, step_size=every_epochs * STEPS_PER_EPOCH, gamma=gamma))
    assert built_lrs("step", every_epochs=every_epochs, gamma=gamma) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize("peak_at", [0.05, 0.3, 0.5, 0.98])
def test_one_cycle_equals_torchs_one_cycle_lr(peak_at: float) -> None:
    optimizer = sgd()
    start, final = 0.04, 1e-4
    own = OneCycleLR(
        optimizer,
        max_lr=LR,
        total_steps=TOTAL_STEPS,
        pct_start=peak_at,
        div_factor=1 / start,
        final_div_factor=start / final,
        cycle_momentum=False,
    )
    built = built_lrs("one_cycle", peak_at=peak_at, start_lr_ratio=start, final_lr_ratio=final)
    assert built == pytest.approx(lrs_of(optimizer, own), rel=1e-9)


@pytest.mark.parametrize("final_lr_ratio", [0.0, 0.1])
def test_linear_equals_torchs_linear_lr(final_lr_ratio: float) -> None:
    optimizer = sgd()
    own = LinearLR(optimizer, start_factor=1.0, end_factor=final_lr_ratio, total_iters=TOTAL_STEPS)
    expected = lrs_of(optimizer, own)
    assert built_lrs("linear", final_lr_ratio=final_lr_ratio) == pytest.approx(expected, rel=1e-9)


@pytest.mark.parametrize(("first_epochs", "multiplier"), [(1, 1), (2, 1), (1, 2), (1, 3)])
def test_cosine_restarts_equal_torchs_warm_restarts_stepped_each_batch(first_epochs: int, multiplier: int) -> None:
    optimizer = sgd()
    own = CosineAnnealingWarmRestarts(
        optimizer, T_0=first_epochs * STEPS_PER_EPOCH, T_mult=multiplier, eta_min=0.1 * LR
    )
    built = built_lrs("cosine_restarts", first_epochs=first_epochs, multiplier=multiplier, final_lr_ratio=0.1)
    assert built == pytest.approx(lrs_of(optimizer, own), rel=1e-9)


def test_cosine_restarts_in_epochs_of_different_lengths_equal_torchs_of_fractional_epochs() -> None:
    optimizer, expected, epoch_steps = sgd(), [], [4, 1, 2, 3, 5]
    own = CosineAnnealingWarmRestarts(optimizer, T_0=1, T_mult=2)
    for epoch, steps in enumerate(epoch_steps):
        for step in range(steps):
            own.step(epoch + step / steps)  # as torch's documentation has it
            expected.append(optimizer.param_groups[0]["lr"])
    optimizer = sgd()
    built = build_schedule("cosine_restarts", optimizer, epoch_steps=epoch_steps, first_epochs=1, multiplier=2)
    assert lrs_of(optimizer, built, steps=15) == pytest.approx(expected, rel=1e-9)


def test_cosine_restarts_of_a_longer_training_begin_like_those_of_a_shorter_one() -> None:
    # The schedule is_extendable: also the epoch that a warm-up of a part of an epoch cuts off.
    def taken(epochs: int) -> list[float]:
        optimizer = sgd()
        build = build_schedule("cosine_restarts", optimizer, epoch_steps=[4] * epochs, warmup_epochs=0.5)
        return lrs_of(optimizer, build, steps=12)

    assert taken(3) == taken(5)


@pytest.mark.parametrize("power", [0.5, 0.9, 1.0, 2.0])
def test_polynomial_equals_torchs_polynomial_lr(power: float) -> None:
    optimizer = sgd()
    expected = lrs_of(optimizer, PolynomialLR(optimizer, total_iters=TOTAL_STEPS, power=power))
    assert built_lrs("polynomial", power=power) == pytest.approx(expected, rel=1e-9)


def test_polynomial_ends_at_final_lr_ratio() -> None:
    # (1 - t/4)^2 is 1, 9/16, 4/16, 1/16; between 1 and 0.2 that is 0.2 + 0.8 of it.
    assert factors("polynomial", steps=4, power=2, final_lr_ratio=0.2) == pytest.approx([1, 0.65, 0.4, 0.25])


@pytest.mark.parametrize(
    ("shape", "cooldown"), [("linear", [1, 3 / 4, 2 / 4, 1 / 4]), ("1-sqrt", [1, 1 / 2, 1 - 0.5**0.5, 1 - 0.75**0.5])]
)
def test_wsd_is_constant_and_falls_in_the_last_part_of_the_training(shape: str, cooldown: list[float]) -> None:
    built = factors("wsd", steps=10, cooldown_fraction=0.4, cooldown_shape=shape)
    assert built == pytest.approx([1] * 6 + cooldown)


def test_the_cooldown_of_wsd_counts_the_steps_of_the_warm_up_too() -> None:
    # Ten steps in all: two of warm-up, five constant, three (0.3 of ten) down to half.
    optimizer = sgd()
    arguments = {"cooldown_fraction": 0.3, "cooldown_shape": "linear", "final_lr_ratio": 0.5}
    built = build_schedule("wsd", optimizer, epoch_steps=[2] * 5, warmup_epochs=1, **arguments)
    expected = [1 / 3, 2 / 3, 1, 1, 1, 1, 1, 1, 5 / 6, 4 / 6]
    assert lrs_of(optimizer, built, steps=10) == pytest.approx([LR * factor for factor in expected])


# Falls, stays within the threshold, rises, falls again; long enough for three reductions.
VAL_LOSSES = [2.0, 1.5, 1.49999, 1.6, 1.7, 1.4, 1.4, 1.4, 1.41, 1.42, 1.3, 1.5, 1.6, 1.7, 1.8, 1.9]


@pytest.mark.parametrize("patience", [0, 1, 2])
@pytest.mark.parametrize(("metric", "mode"), [("val_loss", "min"), ("val_accuracy", "max")])
def test_plateau_equals_torchs_reduce_lr_on_plateau(metric: str, mode: str, patience: int) -> None:
    values = VAL_LOSSES if mode == "min" else [1 / loss for loss in VAL_LOSSES]
    peer = sgd()
    own = ReduceLROnPlateau(peer, mode, factor=0.5, patience=patience, min_lr=0.1 * LR)  # type: ignore[arg-type]
    optimizer = sgd()
    arguments = {"factor": 0.5, "patience": patience, "metric": metric, "final_lr_ratio": 0.1}
    built = build_schedule("plateau", optimizer, epoch_steps=[2] * len(values), **arguments)
    lrs = []
    for value in values:
        for _ in range(2):
            assert optimizer.param_groups[0]["lr"] == pytest.approx(peer.param_groups[0]["lr"], rel=1e-9)
            optimizer.step()
            built.step()
        lrs.append(last_lr(built))
        built.epoch_ended(val_loss=value, val_accuracy=value)
        own.step(value)
    assert len(set(lrs)) > 2  # so that there was something to compare


def plateau_after(losses: list[float]) -> Scheduler:
    built = build_schedule("plateau", sgd(), epoch_steps=[1] * 20, factor=0.5, patience=1)
    for loss in losses:
        built.optimizer.step()
        built.step()
        built.epoch_ended(val_loss=loss, val_accuracy=0)
    return built


def test_a_saved_plateau_goes_on_as_if_it_had_not_been_saved() -> None:
    for epochs in range(len(VAL_LOSSES)):
        first, second = plateau_after(VAL_LOSSES[:epochs]), plateau_after([])
        second.load_state_dict(first.state_dict())
        for loss in VAL_LOSSES[epochs:]:
            for scheduler in (first, second):
                scheduler.optimizer.step()
                scheduler.step()
                scheduler.epoch_ended(val_loss=loss, val_accuracy=0)
            assert first.get_last_lr() == second.get_last_lr()
            assert first.optimizer.param_groups[0]["lr"] == second.optimizer.param_groups[0]["lr"]


def factors(name: str, *, steps: int, **arguments: float | str) -> list[float]:
    schedule = load_target(SCHEDULES[name].target)(total_steps=steps, epoch_ends=range(1, steps + 1), **arguments)
    return [schedule(step) for step in range(steps)]


def test_triangle_rises_to_one_and_falls_along_straight_lines() -> None:
    # Ten steps, the peak at 0.4 of them: four equal steps up, six equal ones down.
    up, down = [1 / 4, 2 / 4, 3 / 4, 1], [5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0]
    assert factors("triangle", steps=10, peak_at=0.4) == pytest.approx(up + down)


def test_triangle_ends_at_final_lr_ratio() -> None:
    # From 1 to 0.4 in six steps is 0.1 a step.
    expected = [0.25, 0.5, 0.75, 1, 0.9, 0.8, 0.7, 0.6, 0.5, 0.4]
    assert factors("triangle", steps=10, peak_at=0.4, final_lr_ratio=0.4) == pytest.approx(expected)


def test_triangle_starts_from_start_lr_ratio() -> None:
    # From 0.2 to 1 in four steps is 0.2 a step.
    expected = [0.4, 0.6, 0.8, 1, 5 / 6, 4 / 6, 3 / 6, 2 / 6, 1 / 6, 0]
    assert factors("triangle", steps=10, peak_at=0.4, start_lr_ratio=0.2) == pytest.approx(expected)


def test_a_group_with_epochs_has_a_schedule_of_that_length_and_then_a_learning_rate_of_zero() -> None:
    groups = [{"params": [nn.Parameter(torch.zeros(1))], "lr": lr} for lr in (0.4, 0.6)]
    groups[1]["epochs"] = 1.5
    optimizer = torch.optim.SGD(groups)
    scheduler = build_schedule("linear", optimizer, epoch_steps=[2] * 4, warmup_epochs=0.5)
    taken = []
    for _ in range(8):
        taken.append(tuple(group["lr"] for group in optimizer.param_groups))
        optimizer.step()
        scheduler.step()
    # One step of warm-up to half; then seven steps down for the first group, two for the second.
    first, second = zip(*taken, strict=True)
    assert first == pytest.approx([0.2, *(0.4 * (7 - step) / 7 for step in range(7))])
    assert second == pytest.approx([0.3, 0.6, 0.3, 0, 0, 0, 0, 0])


def test_warm_up_rises_in_equal_steps_and_the_schedule_starts_after_it() -> None:
    optimizer = sgd()
    scheduler = build_schedule("step", optimizer, epoch_steps=[2] * 4, warmup_epochs=1.5, every_epochs=1, gamma=0.5)
    # Three warm-up steps: 1/4, 2/4 and 3/4 of the rate; then five steps, halved after each two.
    expected = [0.1, 0.2, 0.3, 0.4, 0.4, 0.2, 0.2, 0.1]
    assert lrs_of(optimizer, scheduler, steps=8) == pytest.approx(expected)


def test_epochs_of_different_lengths_count_by_their_steps() -> None:
    def taken(name: str, **arguments: float) -> list[float]:
        optimizer = sgd()
        scheduler = build_schedule(name, optimizer, epoch_steps=[4, 1, 2, 3], **arguments)
        return lrs_of(optimizer, scheduler, steps=10)

    assert taken("linear") == pytest.approx([LR * (10 - step) / 10 for step in range(10)])
    staircase = [*[LR] * 5, *[LR / 10] * 5]  # two epochs are five steps
    assert taken("step", every_epochs=2, gamma=0.1) == pytest.approx(staircase)
    # The warm-up is the first epoch, of four steps; the epoch after it has a single step.
    warmed_up = taken("step", every_epochs=1, gamma=0.1, warmup_epochs=1)
    assert warmed_up == pytest.approx([*(LR * step / 5 for step in range(1, 5)), LR, *[LR / 10] * 2, *[LR / 100] * 3])


# An epoch and a half: 2 + 4 / 2 = 4 steps. Two epochs: 2 + 4 steps. Three, which are all: 7 steps.
@pytest.mark.parametrize(("epochs", "steps"), [(1, 2), (1.5, 4), (2, 6), (3, 7)])
def test_a_group_s_epochs_are_counted_in_their_own_steps(epochs: float, steps: int) -> None:
    def taken(name: str) -> list[float]:
        group = {"params": [nn.Parameter(torch.zeros(1))], "lr": LR, "epochs": epochs}
        optimizer = torch.optim.SGD([group])
        return lrs_of(optimizer, build_schedule(name, optimizer, epoch_steps=[2, 4, 1]), steps=7)

    assert taken("linear") == pytest.approx([LR * max(steps - step, 0) / steps for step in range(7)])
    assert taken("constant") == [LR] * steps + [0.0] * (7 - steps)


def test_a_cosine_after_a_warm_up_is_a_shorter_cosine() -> None:
    optimizer = sgd()
    shorter = TOTAL_STEPS - STEPS_PER_EPOCH
    expected = lrs_of(optimizer, CosineAnnealingLR(optimizer, T_max=shorter), steps=shorter)
    built = built_lrs("cosine", warmup_epochs=1)
    assert built[:STEPS_PER_EPOCH] == pytest.approx([LR * step / 8 for step in range(1, 8)])
    assert built[STEPS_PER_EPOCH:] == pytest.approx(expected, rel=1e-9, abs=1e-12)


def test_a_warm_up_as_long_as_the_training_leaves_the_schedule_one_step() -> None:
    optimizer = sgd()
    scheduler = build_schedule("cosine", optimizer, epoch_steps=[4], warmup_epochs=0.99)
    assert lrs_of(optimizer, scheduler, steps=4) == pytest.approx([0.1, 0.2, 0.3, 0.4])


SCHEDULE_SECTIONS = CHOICES["schedule"].sections()


@pytest.mark.parametrize("name", SCHEDULE_SECTIONS)
def test_no_learning_rate_is_ever_below_zero_or_above_the_full_one(name: str) -> None:
    arguments = SCHEDULE_SECTIONS[name]().model_dump()
    for epochs, steps_per_epoch in ((1, 1), (1, 2), (3, 5), (10, 98)):
        optimizer = sgd()
        scheduler = build_schedule(optimizer=optimizer, epoch_steps=[steps_per_epoch] * epochs, **arguments)
        for _ in range(epochs * steps_per_epoch):
            assert 0 <= optimizer.param_groups[0]["lr"] <= LR
            optimizer.step()
            scheduler.step()
        # The scheduler computes one learning rate more than there are steps.
        assert 0 <= scheduler.get_last_lr()[0] <= LR


@pytest.mark.parametrize("name", SCHEDULE_SECTIONS)
def test_torch_gives_no_warning(name: str) -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        optimizer = sgd()
        arguments = SCHEDULE_SECTIONS[name]().model_dump()
        lrs_of(optimizer, build_schedule(optimizer=optimizer, epoch_steps=[3] * 2, **arguments), steps=6)
