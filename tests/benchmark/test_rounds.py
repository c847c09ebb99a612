"""Rounds: who takes a turn when, what is timed, and how many steps a round has."""

import time

import pytest
import torch

from cifar_cli.benchmark.rounds import Contender, alternate, rounds_for, steps_for, time_steps

CPU = torch.device("cpu")


class Log:
    """Contenders that write down what happens to them, and a clock that only they move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.now = 0.0
        monkeypatch.setattr(time, "perf_counter", lambda: self.now)

    def contender(self, name: str, *, seconds_per_step: float) -> Contender:
        def reset() -> None:
            self.now += 100.0  # is not timed
            self.events.append(f"reset {name}")

        def run(steps: int) -> None:
            self.now += steps * seconds_per_step
            self.events.append(f"{name} {steps}")

        return Contender(reset, run)


def test_they_take_turns_forwards_and_backwards_each_from_its_start(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(monkeypatch)
    contenders = {name: log.contender(name, seconds_per_step=1.0) for name in "abc"}
    alternate(contenders, rounds=3, steps=5, device=CPU)
    runs = [event.split()[0] for event in log.events if not event.startswith("reset")]
    assert "".join(runs) == "abccbaabc"
    assert log.events[:4] == ["reset a", "a 5", "reset b", "b 5"]


def test_the_seconds_are_per_step_and_by_round(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(monkeypatch)
    contenders = {"a": log.contender("a", seconds_per_step=0.5), "b": log.contender("b", seconds_per_step=2.0)}
    heard: list[dict[str, float]] = []
    seconds = alternate(contenders, rounds=2, steps=4, device=CPU, each_round=lambda found: heard.append(dict(found)))
    assert seconds == {"a": [0.5, 0.5], "b": [2.0, 2.0]}
    assert heard == [{"a": 0.5, "b": 2.0}] * 2


def test_going_back_to_the_start_is_not_timed(monkeypatch: pytest.MonkeyPatch) -> None:
    log = Log(monkeypatch)
    assert time_steps(log.contender("a", seconds_per_step=0.25), steps=8, device=CPU) == 0.25


@pytest.mark.parametrize(
    ("seconds", "most", "seconds_per_step", "rounds"),
    [
        (60, 10, [0.02, 0.03], 10),
        (60, 10, [3.0, 7.0], 6),  # 60 / 10
        (60, 10, [30.0, 90.0], 3),  # longer than was asked for, but with a range
        (60, 2, [30.0, 90.0], 2),
    ],
)
def test_slow_steps_make_fewer_rounds(seconds: float, most: int, seconds_per_step: list[float], rounds: int) -> None:
    assert rounds_for(seconds, most=most, seconds_per_step=seconds_per_step) == rounds


@pytest.mark.parametrize(
    ("seconds", "rounds", "seconds_per_step", "most", "steps"),
    [
        (60, 8, [0.02, 0.03], 782, 150),  # 60 / (8 · 0.05)
        (60, 8, [0.02, 0.03], 100, 100),  # an epoch has no more
        (60, 8, [4.0, 9.0], 100, 1),  # slow ones take longer than was asked for
    ],
)
def test_a_round_has_as_many_steps_as_the_time_allows(
    seconds: float, rounds: int, seconds_per_step: list[float], most: int, steps: int
) -> None:
    assert steps_for(seconds, rounds=rounds, seconds_per_step=seconds_per_step, most=most) == steps
