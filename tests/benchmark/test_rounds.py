"""Rounds: the order of the loops, the seconds by a fake clock, and the number of rounds and steps."""

import time

import pytest
import torch

from cifar_cli.benchmark.rounds import TimedLoop, choose_rounds, choose_steps, time_rounds, time_steps

CPU = torch.device("cpu")


class FakeLoops:
    """Makes loops that record their calls, and a clock that only the loops move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def make(self, name: str, *, seconds_per_step: float) -> TimedLoop:
        def reset() -> None:
            self.now += 100.0  # not timed
            self.events.append(f"reset {name}")

        def run(steps: int) -> None:
            self.now += steps * seconds_per_step
            self.events.append(f"{name} {steps}")

        return TimedLoop(reset, run)


def test_loops_run_forwards_and_backwards_each_from_its_initial_state(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLoops(monkeypatch)
    loops = {name: fake.make(name, seconds_per_step=1.0) for name in "abc"}
    time_rounds(loops, rounds=3, steps=5, device=CPU)
    runs = [event.split()[0] for event in fake.events if not event.startswith("reset")]
    assert "".join(runs) == "abccbaabc"
    assert fake.events[:4] == ["reset a", "a 5", "reset b", "b 5"]


def test_seconds_are_per_step_and_by_round(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLoops(monkeypatch)
    loops = {"a": fake.make("a", seconds_per_step=0.5), "b": fake.make("b", seconds_per_step=2.0)}
    rounds: list[dict[str, float]] = []
    seconds = time_rounds(loops, rounds=2, steps=4, device=CPU, on_round=lambda found: rounds.append(dict(found)))
    assert seconds == {"a": [0.5, 0.5], "b": [2.0, 2.0]}
    assert rounds == [{"a": 0.5, "b": 2.0}] * 2


def test_the_reset_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    fake = FakeLoops(monkeypatch)
    assert time_steps(fake.make("a", seconds_per_step=0.25), steps=8, device=CPU) == 0.25


@pytest.mark.parametrize(
    ("seconds", "max_rounds", "seconds_per_step", "rounds"),
    [
        (60, 10, [0.02, 0.03], 10),
        (60, 10, [3.0, 7.0], 6),  # 60 / 10
        (60, 10, [30.0, 90.0], 3),  # longer than 60 seconds, but with a range
        (60, 2, [30.0, 90.0], 2),
    ],
)
def test_slow_steps_make_fewer_rounds(
    seconds: float, max_rounds: int, seconds_per_step: list[float], rounds: int
) -> None:
    assert choose_rounds(seconds, max_rounds=max_rounds, seconds_per_step=seconds_per_step) == rounds


@pytest.mark.parametrize(
    ("seconds", "rounds", "seconds_per_step", "max_steps", "steps"),
    [
        (60, 8, [0.02, 0.03], 782, 150),  # 60 / (8 · 0.05)
        (60, 8, [0.02, 0.03], 100, 100),  # the steps of an epoch
        (60, 8, [4.0, 9.0], 100, 1),  # slow steps take longer than 60 seconds
    ],
)
def test_a_round_has_as_many_steps_as_the_time_allows(
    seconds: float, rounds: int, seconds_per_step: list[float], max_steps: int, steps: int
) -> None:
    assert choose_steps(seconds, rounds=rounds, seconds_per_step=seconds_per_step, max_steps=max_steps) == steps
