"""The loop of a sweep with workers that die, fail and are late."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.config.config_files import read_config_file
from cifar_cli.errors import CifarError
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.runs.trial_record import COMPLETE, FAILED
from cifar_cli.sweep.pool import WorkerDeath
from cifar_cli.sweep.run_sweep import TrialLoop
from cifar_cli.sweep.study import SweepStudy
from cifar_cli.sweep.sweep_settings import SweepSettings
from cifar_cli.sweep.trial_messages import INTERRUPTED, TrialOrder, TrialResult

Event = TrialResult | WorkerDeath
FILE = read_config_file("cnn")


class ScriptedPool:
    """One worker that says of each order what the script says. stopped: how often it was asked to stop."""

    def __init__(self, script: Callable[[TrialOrder], Event]) -> None:
        self._script = script
        self.orders: list[TrialOrder] = []
        self.busy: list[int] = []
        self.stopped = 0

    @property
    def has_room(self) -> bool:
        return not self.busy

    def order(self, order: TrialOrder) -> None:
        self.orders.append(order)
        self.busy = [order.number]

    def events(self) -> Iterator[Event]:
        self.busy = []
        yield TrialResult(self.orders[-1].number, INTERRUPTED) if self.stopped else self._script(self.orders[-1])

    def stop(self) -> None:
        self.stopped += 1

    def close(self) -> None:
        pass


def loop(tmp_path: Path, pool: ScriptedPool, *, trials: int = 3, ends_at: float | None = None) -> TrialLoop:
    folder = SweepFolder(tmp_path)
    ranges = ("optimizer.lr=log(1e-3,1)",)
    settings = SweepSettings("cnn", "cnn.yaml", "cnn", (), ranges, "random", "none", trials, 1, (), 0, study="cnn")
    study = SweepStudy(folder, settings, settings.space(FILE.text), storage=None, epochs=3)
    return TrialLoop(folder, study, pool, ends_at, lambda trials: None, "cifar sweep --resume")  # type: ignore[arg-type]


def complete(order: TrialOrder) -> TrialResult:
    return TrialResult(order.number, COMPLETE, val_accuracy=0.5)


def test_it_ends_when_all_trials_are_finished(tmp_path: Path) -> None:
    pool = ScriptedPool(complete)
    assert loop(tmp_path, pool).run() is True
    assert [order.number for order in pool.orders] == [0, 1, 2]
    assert [order.run.name for order in pool.orders] == ["trial-0000", "trial-0001", "trial-0002"]
    assert loop(tmp_path, ScriptedPool(complete)).run() is True  # nothing is left


def test_a_trial_whose_process_died_goes_on_once_with_the_same_values_and_then_has_failed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    pool = ScriptedPool(lambda order: WorkerDeath(0, "ended by SIGKILL") if order.number == 0 else complete(order))
    trials = loop(tmp_path, pool)
    assert trials.run() is True
    assert [order.number for order in pool.orders] == [0, 0, 1, 2]
    assert pool.orders[0] == pool.orders[1]
    assert [(trial.outcome, trial.error) for trial in trials.study.trials()] == [
        (FAILED, "ended by SIGKILL"),
        (COMPLETE, None),
        (COMPLETE, None),
    ]
    assert "trial 0: ended by SIGKILL; it goes on from its last checkpoint" in capsys.readouterr().err


def test_a_process_that_dies_twice_over_two_commands_is_counted(tmp_path: Path) -> None:
    def die_then_raise(order: TrialOrder) -> Event:
        if len(first.orders) == 2:
            raise OSError("the coordinating process is killed")
        return WorkerDeath(0, "died")

    first = ScriptedPool(die_then_raise)
    with pytest.raises(OSError, match="killed"):
        loop(tmp_path, first).run()
    second = ScriptedPool(lambda order: WorkerDeath(0, "died") if order.number == 0 else complete(order))
    loop(tmp_path, second).run()
    assert [order.number for order in second.orders] == [0, 1, 2]


def test_one_failure_among_others_stops_nothing_and_three_in_a_row_do(tmp_path: Path) -> None:
    def fail(*numbers: int) -> Callable[[TrialOrder], Event]:
        return lambda order: (
            TrialResult(order.number, FAILED, error="no room") if order.number in numbers else complete(order)
        )

    (tmp_path / "some").mkdir()
    (tmp_path / "row").mkdir()
    assert loop(tmp_path / "some", ScriptedPool(fail(0, 1, 3, 4)), trials=6).run() is True
    with pytest.raises(CifarError, match=r"trial 3: no room; mend the cause, and continue with: cifar sweep --resume$"):
        loop(tmp_path / "row", ScriptedPool(fail(1, 2, 3)), trials=6).run()
    (tmp_path / "end").mkdir()
    with pytest.raises(CifarError, match=r"continue with more trials: cifar sweep --resume --trials 8$"):
        loop(tmp_path / "end", ScriptedPool(fail(1, 2, 3)), trials=4).run()


def test_when_the_time_is_over_the_trial_is_stopped_and_stays_unfinished(tmp_path: Path) -> None:
    pool = ScriptedPool(complete)
    trials = loop(tmp_path, pool, ends_at=0.0)
    trials.study.ask()
    assert trials.run() is False
    assert pool.orders == []
    late: dict[str, Any] = {}

    def be_late(order: TrialOrder) -> Event:
        late["loop"].ends_at = 0.0
        return complete(order)

    late["loop"] = loop(tmp_path, ScriptedPool(be_late))
    assert late["loop"].run() is False
    assert [trial.is_finished for trial in late["loop"].study.trials()] == [True]


def test_a_trial_to_resume_that_the_time_did_not_reach_is_this_sweeps_own(tmp_path: Path) -> None:
    begun = loop(tmp_path, ScriptedPool(complete))
    assert (begun.study.ask(), begun.study.ask()) == (0, 1)
    late = loop(tmp_path, ScriptedPool(complete), ends_at=0.0)
    assert late.run() is False
    assert late.interrupted == [0, 1]
