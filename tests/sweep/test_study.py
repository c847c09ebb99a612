"""The study of a sweep: trials that outlive a killed process, the values of each, and several machines."""

import json
import sys
from collections.abc import Callable
from contextlib import nullcontext
from pathlib import Path
from typing import Any

import optuna
import pytest
from sqlalchemy.exc import OperationalError

from cifar_cli.config.config_files import read_config_file
from cifar_cli.errors import CifarError, RunError
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.runs.trial_record import COMPLETE, DIVERGED, FAILED, PRUNED, UNFINISHED
from cifar_cli.sweep.study import SweepStudy
from cifar_cli.sweep.sweep_settings import SweepSettings

FILE = read_config_file("cnn")
RANGES = ("optimizer.lr=log(1e-3,1)", "data.augment.translate=int(0,4)", "model.name=[resnet20,cnn]")
Open = Callable[..., SweepStudy]


@pytest.fixture
def open_study(tmp_path: Path) -> Open:
    """Returns a function that opens a study in a folder of its own, as a new process would."""

    def open_(
        folder: str = "sweep",
        *,
        ranges: tuple[str, ...] = RANGES,
        sampler: str = "tpe",
        pruner: str = "none",
        trials: int = 30,
        storage: str | None = None,
    ) -> SweepStudy:
        path = tmp_path / folder
        path.mkdir(exist_ok=True)
        settings = SweepSettings(
            "cnn", FILE.location, "cnn", (), ranges, sampler, pruner, trials, workers=1, seeds=(), seed=0, study="cnn"
        )
        return SweepStudy(SweepFolder(path), settings, settings.space(FILE.text), storage=storage, epochs=9)

    return open_


def train(study: SweepStudy, count: int) -> list[dict[str, str]]:
    """Finishes so many trials, whose accuracy is best at small learning rates; returns their values."""
    found = []
    for _ in range(count):
        number = study.ask()
        assert number is not None
        found.append(study.values(number))
        study.finish(number, outcome=COMPLETE, val_accuracy=1 - float(found[-1]["optimizer.lr"]))
    return found


@pytest.mark.parametrize("sampler", ["tpe", "random"])
def test_the_values_do_not_depend_on_how_often_the_sweep_was_killed(open_study: Open, sampler: str) -> None:
    whole = train(open_study("whole", sampler=sampler), 16)
    resumed = []
    for count in (3, 1, 8, 4):
        resumed += train(open_study("killed", sampler=sampler), count)
    assert resumed == whole
    assert len({tuple(values.items()) for values in whole}) == 16


def test_tpe_learns_where_random_does_not(open_study: Open) -> None:
    late = {
        name: [float(values["optimizer.lr"]) for values in train(open_study(name, sampler=name), 22)[10:]]
        for name in ("tpe", "random")
    }
    means = {name: sum(rates) / len(rates) for name, rates in late.items()}
    assert means["tpe"] < means["random"] / 2


def test_a_killed_trial_keeps_its_number_and_its_values(open_study: Open) -> None:
    study = open_study()
    train(study, 2)
    number = study.ask()
    assert number == 2
    values = study.values(number)
    study.report(number, epoch=1, val_accuracy=0.4)
    study = open_study()
    assert [trial.outcome for trial in study.trials()] == [COMPLETE, COMPLETE, UNFINISHED]
    assert study.interrupted() == [2]
    assert study.values(2) == values
    assert study.report(2, epoch=1, val_accuracy=0.4) is False  # the epoch is trained again
    study.finish(2, outcome=COMPLETE, val_accuracy=0.5)
    assert open_study().interrupted() == []
    assert [trial.number for trial in open_study().trials()] == [0, 1, 2]


def test_a_trial_that_was_killed_before_its_values_were_drawn_gets_those_it_would_have_had(open_study: Open) -> None:
    study = open_study("one")
    assert study.ask() == 0
    other = open_study("two")
    assert other.ask() == 0
    study = open_study("one")
    study.interrupted()
    assert study.values(0) == other.values(0)


def test_a_last_line_that_a_full_disk_has_cut_is_dropped(open_study: Open, tmp_path: Path) -> None:
    train(open_study(), 3)
    journal = tmp_path / "sweep" / "journal.log"
    whole = journal.read_bytes()
    journal.write_bytes(whole + b'{"op_code":5,"cut-her')
    study = open_study()
    assert journal.read_bytes().startswith(whole)
    assert b"cut-her" not in journal.read_bytes()[len(whole) :]
    train(study, 1)
    assert len(open_study().trials()) == 4


@pytest.mark.parametrize("line", ['{"op_code":5,"brok', '{"op_code":77}', "[]"])
def test_a_journal_that_was_changed_is_told_with_its_place(open_study: Open, tmp_path: Path, line: str) -> None:
    train(open_study(), 1)
    journal = tmp_path / "sweep" / "journal.log"
    lines = journal.read_text().splitlines()
    journal.write_text("\n".join([*lines[:2], line, *lines[3:], ""]))
    with pytest.raises(RunError, match=r"journal.log: expected the journal of this sweep .*; put it back from a copy"):
        open_study()


def test_there_are_never_more_trials_than_the_limit(open_study: Open) -> None:
    study = open_study(trials=2)
    train(study, 2)
    assert study.ask() is None
    assert len(study.trials()) == 2


def test_each_outcome_is_kept_with_its_facts(open_study: Open) -> None:
    study = open_study()
    for outcome, accuracy in ((COMPLETE, 0.5), (PRUNED, 0.25), (DIVERGED, None), (FAILED, None)):
        number = study.ask()
        assert number is not None
        study.values(number)
        study.finish(number, outcome=outcome, val_accuracy=accuracy, epochs=2, error=None if accuracy else "no luck")
    trials = open_study().trials()
    assert [(trial.outcome, trial.val_accuracy, trial.error) for trial in trials] == [
        (COMPLETE, 0.5, None),
        (PRUNED, 0.25, None),
        (DIVERGED, None, "no luck"),
        (FAILED, None, "no luck"),
    ]
    assert all(trial.epochs == 2 and trial.is_finished for trial in trials)


def test_asha_ends_a_trial_that_is_behind_and_none_that_leads(open_study: Open) -> None:
    study = open_study(pruner="asha")
    numbers = [study.ask() for _ in range(4)]
    answers = []
    for number, accuracy in zip(numbers, (0.6, 0.7, 0.8, 0.1), strict=True):
        assert number is not None
        answers.append(study.report(number, epoch=1, val_accuracy=accuracy))
    # The first trials have nobody to be compared with; of four, the one third that goes on is the best one.
    assert answers[-1] is True
    leader = study.ask()
    assert leader is not None
    assert study.report(leader, epoch=1, val_accuracy=0.9) is False


def test_a_grid_has_every_combination_once_however_often_it_was_killed(open_study: Open) -> None:
    ranges = ("data.augment.translate=int(0,2)", "model.name=[resnet20,cnn]", "model.widths=[[8],[16]]")
    found = []
    for _ in range(3):
        study = open_study(sampler="grid", ranges=ranges, trials=9)
        for _ in range(3):
            number = study.ask()
            assert number is not None
            found.append(tuple(sorted(study.values(number).items())))
            study.finish(number, outcome=COMPLETE, val_accuracy=0.5)
    assert len(set(found)) == 9  # 3 · (1 of resnet20, which has no widths, + 2 of cnn)


def test_the_importance_of_the_key_that_decides_is_the_greatest(open_study: Open) -> None:
    study = open_study(sampler="random")
    assert study.importances() == {}
    train(study, 15)
    importances = study.importances()
    assert sum(importances.values()) == pytest.approx(1)
    assert max(importances, key=lambda key: importances[key]) == "optimizer.lr"


# --- several machines ----------------------------------------------------------------------------------------------


def test_two_sweeps_with_one_database_share_the_trials_and_resume_their_own(open_study: Open, tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.db'}"
    here, there = (open_study(name, storage=url, trials=3) for name in ("here", "there"))
    assert [here.ask(), there.ask(), here.ask()] == [0, 1, 2]
    assert there.ask() is None
    values = {number: here.values(number) for number in (0, 2)}
    here.finish(0, outcome=COMPLETE, val_accuracy=0.5)
    again = open_study("here", storage=url, trials=3)
    assert again.interrupted() == [2]
    assert again.values(2) == values[2]
    first, second, third = open_study("there", storage=url, trials=3).trials()
    assert first.host.endswith(f":{(tmp_path / 'here').resolve()}")
    assert (second.host, third.outcome) == ("", UNFINISHED)


def test_a_database_without_its_driver_is_told_what_to_install(
    open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(CifarError) as caught:
        open_study(storage="postgresql+psycopg://user:secret@localhost/name")
    assert str(caught.value) == (
        "--storage: expected an address whose driver is installed, found: import of psycopg halted; None in "
        "sys.modules; for PostgreSQL: pip install 'psycopg[binary]', and write --storage postgresql+psycopg://…"
    )


def test_a_database_that_cannot_be_opened_is_told_with_examples(
    open_study: Open, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cifar_cli.sweep.study_storage.SECONDS_BETWEEN_TRIES", 0.0)
    with pytest.raises(CifarError, match=r"--storage: expected a database .*, found: .*; write .*sqlite:"):
        open_study(storage="sqlite:////nowhere/at/all.db")
    with pytest.raises(CifarError, match="--storage"):
        open_study(storage="no database")


def test_the_journal_holds_plain_json(open_study: Open, tmp_path: Path) -> None:
    train(open_study(), 1)
    for line in (tmp_path / "sweep" / "journal.log").read_text().splitlines():
        assert isinstance(json.loads(line), dict)


@pytest.mark.parametrize(
    ("error", "calls"), [(OperationalError("create table", {}, Exception("it exists")), 2), (TypeError("a mistake"), 1)]
)
def test_only_a_databases_own_error_is_tried_again(
    error: Exception, calls: int, open_study: Open, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("cifar_cli.sweep.study_storage.SECONDS_BETWEEN_TRIES", 0.0)
    asked: list[str] = []
    create = optuna.create_study

    def fail_once(**settings: Any) -> Any:
        asked.append(settings["study_name"])
        if len(asked) == 1:
            raise error
        return create(**settings)

    monkeypatch.setattr(optuna, "create_study", fail_once)
    with pytest.raises(CifarError, match="a mistake") if calls == 1 else nullcontext():
        open_study(storage=f"sqlite:///{tmp_path}/shared.db")
    assert len(asked) == calls
