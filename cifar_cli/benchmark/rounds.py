"""Times several loops in alternating rounds of one process. Knows nothing of what they compute.

On a machine that others use, a minute differs from the next by more than two loops do; the ratio of two that took
turns within the same few seconds does not.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from cifar_cli.training.runtime import synchronize

LEAST_ROUNDS = 3


@dataclass(frozen=True)
class Contender:
    """A loop that can be timed.

    reset: goes back to the start, so that all rounds do the same, and is not timed; run: takes so many steps, and may
    leave the device at work.
    """

    reset: Callable[[], None]
    run: Callable[[int], None]


def alternate(
    contenders: Mapping[str, Contender],
    *,
    rounds: int,
    steps: int,
    device: torch.device,
    each_round: Callable[[Mapping[str, float]], None] = lambda seconds: None,
) -> dict[str, list[float]]:
    """Returns the seconds per step of each contender in each round.

    All of them run in every round, in turns forwards and backwards (A B C, C B A, …): what drifts slowly then weighs on
    all alike. each_round hears of a round's seconds as soon as it is over.
    """
    seconds: dict[str, list[float]] = {name: [] for name in contenders}
    for number in range(rounds):
        for name in _order(list(contenders), number):
            seconds[name].append(time_steps(contenders[name], steps=steps, device=device))
        each_round({name: times[-1] for name, times in seconds.items()})
    return seconds


def time_steps(contender: Contender, *, steps: int, device: torch.device) -> float:
    """Returns the seconds per step of a contender that begins from its start."""
    contender.reset()
    synchronize(device)
    started = time.perf_counter()
    contender.run(steps)
    synchronize(device)
    return (time.perf_counter() - started) / steps


def rounds_for(seconds: float, *, most: int, seconds_per_step: Sequence[float]) -> int:
    """Returns how many rounds to have: `most`, or fewer where steps are so slow that not even one each would fit.

    At least LEAST_ROUNDS, if so many may be had: fewer show no range.
    """
    fitting = int(seconds / sum(seconds_per_step))
    return min(most, max(LEAST_ROUNDS, fitting))


def steps_for(seconds: float, *, rounds: int, seconds_per_step: Sequence[float], most: int) -> int:
    """Returns how many steps each contender may take in a round for all rounds together to last that long.

    At least 1, and `most` at most.
    """
    wanted = seconds / (rounds * sum(seconds_per_step))
    return max(1, min(int(wanted), most))


def _order(names: list[str], number: int) -> list[str]:
    return names if number % 2 == 0 else names[::-1]
