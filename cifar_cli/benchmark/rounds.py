"""Times several loops in alternating rounds.

On a shared machine, one minute differs from the next by more than two loops differ. The ratio of two loops that ran
within the same few seconds is stable.
"""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import torch

from cifar_cli.training.runtime import synchronize

MIN_ROUNDS = 3


@dataclass(frozen=True)
class TimedLoop:
    """A loop that can be timed.

    reset: restores the initial state before each round, and is not timed; run: trains for a number of steps, and need
    not wait for the device.
    """

    reset: Callable[[], None]
    run: Callable[[int], None]


def time_rounds(
    loops: Mapping[str, TimedLoop],
    *,
    rounds: int,
    steps: int,
    device: torch.device,
    on_round: Callable[[Mapping[str, float]], None] = lambda seconds: None,
) -> dict[str, list[float]]:
    """Returns the seconds per step of each loop in each round.

    All loops run in every round, forwards and backwards in turns (A B C, C B A, …): a slow drift of the machine's speed
    then affects all loops equally. on_round: called with the seconds of each round.
    """
    seconds: dict[str, list[float]] = {name: [] for name in loops}
    for number in range(rounds):
        for name in list(loops)[:: 1 if number % 2 == 0 else -1]:
            seconds[name].append(time_steps(loops[name], steps=steps, device=device))
        on_round({name: times[-1] for name, times in seconds.items()})
    return seconds


def time_steps(loop: TimedLoop, *, steps: int, device: torch.device) -> float:
    """Returns the seconds per step of a loop, from its initial state."""
    loop.reset()
    synchronize(device)
    started = time.perf_counter()
    loop.run(steps)
    synchronize(device)
    return (time.perf_counter() - started) / steps


def choose_rounds(seconds: float, *, max_rounds: int, seconds_per_step: Sequence[float]) -> int:
    """Returns the number of rounds: max_rounds, or fewer if a step of every loop in every round takes longer.

    Returns at least MIN_ROUNDS, since fewer show no range, unless max_rounds is smaller.
    """
    fitting = int(seconds / sum(seconds_per_step))
    return min(max_rounds, max(MIN_ROUNDS, fitting))


def choose_steps(seconds: float, *, rounds: int, seconds_per_step: Sequence[float], max_steps: int) -> int:
    """Returns the number of steps per round with which all rounds together take the seconds, from 1 to max_steps."""
    fitting = int(seconds / (rounds * sum(seconds_per_step)))
    return max(1, min(fitting, max_steps))
