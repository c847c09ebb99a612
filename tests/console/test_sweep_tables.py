"""What a terminal shows of a sweep."""

from pathlib import Path

import pytest

from cifar_cli.console.sweep_tables import describe_trial, print_sweep_results, print_winner
from cifar_cli.runs.trial_record import COMPLETE, DIVERGED, FAILED, PRUNED, TrialRecord, best_first, best_of

LR = "0.0123456789"
TRIALS = [
    TrialRecord(0, {"optimizer.lr": LR, "model.name": "cnn"}, COMPLETE, 0.5, epochs=3, seconds=12.0),
    TrialRecord(1, {"optimizer.lr": "1.0e-05", "model.name": "mlp"}, PRUNED, 0.6, epochs=1, seconds=4.0),
    TrialRecord(2, {"optimizer.lr": "0.9"}, DIVERGED, None, error="epoch 1: expected a finite loss; Try less"),
    TrialRecord(3, {"optimizer.lr": "0.2"}, FAILED, None, error="no memory"),
    TrialRecord(4, {"optimizer.lr": "0.3"}, COMPLETE, 0.75, epochs=3, seconds=9.0),
]


def test_a_trial_is_one_line_with_its_values_its_reason_and_the_best_so_far() -> None:
    best = best_of(TRIALS)
    assert best is not None
    assert describe_trial(TRIALS[0], best=best) == (
        "trial 0: complete, val 50.00 %, optimizer.lr=0.01235 model.name=cnn; best 75.00 % (trial 4)"
    )
    assert "optimizer.lr=1e-05 model.name=mlp" in describe_trial(TRIALS[1], best=None)  # a minus that can be pasted
    assert describe_trial(TRIALS[2], best=None) == (
        "trial 2: diverged, val –, optimizer.lr=0.9: epoch 1: expected a finite loss"
    )


def test_the_best_is_a_complete_trial_and_the_table_begins_with_it() -> None:
    assert [trial.number for trial in best_first(TRIALS)] == [4, 0, 1, 2, 3]
    assert best_of(TRIALS[1:4]) is None


def test_of_equal_trials_the_first_is_the_best() -> None:
    equal = [TrialRecord(number, {}, COMPLETE, 0.5) for number in (3, 1, 2)]
    best = best_of(equal)
    assert best is not None
    assert best.number == 1


def test_the_table_has_each_trial_and_says_how_many_ended_how(capsys: pytest.CaptureFixture[str]) -> None:
    print_sweep_results(TRIALS, keys=["optimizer.lr", "model.name"], name="cnn on cifar10", table_file=Path("t.csv"))
    out = capsys.readouterr().out
    assert "cnn on cifar10, 5 trials: 2 complete, 1 pruned, 1 diverged, 1 failed" in out
    rows = [[cell.strip() for cell in line.split("│")[1:-1]] for line in out.splitlines() if line.startswith("│")]
    assert rows[0] == ["1", "4", "75.00 %", "complete", "0.3", "–", "3", "9.00 s"]
    assert rows[1] == ["2", "0", "50.00 %", "complete", "0.01235", "cnn", "3", "12.0 s"]
    assert len(rows) == 5


def test_a_long_table_is_cut_and_says_where_the_rest_is(capsys: pytest.CaptureFixture[str]) -> None:
    trials = [TrialRecord(number, {}, COMPLETE, 0.5) for number in range(25)]
    print_sweep_results(trials, keys=[], name="cnn", table_file=Path("t.csv"))
    assert "and 5 more, all of them in t.csv" in capsys.readouterr().out


def test_the_winner_is_told_with_a_warning_and_its_test(capsys: pytest.CaptureFixture[str]) -> None:
    winner = {"trial": 4, "val_accuracy": 0.75}
    print_winner({"winner": winner, "test": {"accuracy": 0.7}})
    assert capsys.readouterr().out.splitlines() == [
        "winner: trial 4, 75.00 % on validation, which is optimistic: it was chosen by this figure",
        "test: 70.00 %, the winner's own run; --seeds 5 measures its variation",
    ]
    print_winner({"winner": winner, "test": {"accuracy": 0.7, "n": 3, "confidence_95": [0.69, 0.71]}})
    assert "test: 70.0 % ± 1.0, 3 seeds (95 % confidence, Student's t)" in capsys.readouterr().out
    print_winner({"winner": winner, "test": {"accuracy": None, "n": 0, "confidence_95": None}})
    assert "test: none, as the training of every seed diverged" in capsys.readouterr().out
    print_winner({"winner": winner, "test": None})
    assert "test:" not in capsys.readouterr().out
