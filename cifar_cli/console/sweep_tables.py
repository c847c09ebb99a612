"""What a terminal shows of a sweep: a line for each finished trial, and the table at the end."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.table import Table

from cifar_cli import formatting
from cifar_cli.config.yaml.scalars import read_scalar
from cifar_cli.console.fitting_tables import print_table
from cifar_cli.console.result_tables import describe_seconds
from cifar_cli.console.streams import results
from cifar_cli.runs.trial_record import COMPLETE, OUTCOMES, TrialRecord, best_first

MAX_ROWS = 20
DIGITS = 4  # of a searched number, where a person reads it


def describe_trial(trial: TrialRecord, *, best: TrialRecord | None) -> str:
    """Returns a finished trial on one line, with the best so far."""
    values = " ".join(f"{key}={short_value(value)}" for key, value in trial.values.items())
    error = f": {trial.error.partition('; ')[0]}" if trial.error else ""  # the advice is in trials.csv
    so_far = f"; best {_accuracy(best)} (trial {best.number})" if best else ""
    return f"trial {trial.number}: {trial.outcome}, val {_accuracy(trial)}, {values}{error}{so_far}"


def short_value(value: str) -> str:
    """Returns a value of a searched key, a number in a few digits; as it is written on a command line."""
    read = read_scalar(value)
    return f"{read:.{DIGITS}g}" if isinstance(read, float) else value


def print_sweep_results(trials: Sequence[TrialRecord], *, keys: Sequence[str], name: str, table_file: Path) -> None:
    """Prints a row for each trial, the best first, and how many ended how. name: what was searched."""
    console = results()
    console.print(f"{name}, {formatting.count(len(trials), 'trial')}: {count_outcomes(trials)}", style="bold")
    table = Table("")
    for heading in ("trial", "val"):
        table.add_column(heading, justify="right")
    table.add_column("outcome")
    for key in keys:
        table.add_column(key, justify="right")
    for heading in ("epochs", "time"):
        table.add_column(heading, justify="right")
    ordered = best_first(trials)
    for place, trial in enumerate(ordered[:MAX_ROWS], start=1):
        table.add_row(
            str(place),
            str(trial.number),
            _accuracy(trial),
            trial.outcome,
            *(short_value(trial.values[key]) if key in trial.values else "–" for key in keys),
            str(trial.epochs),
            describe_seconds(trial.seconds),
        )
    print_table(console, table)
    if len(ordered) > MAX_ROWS:
        console.print(f"and {len(ordered) - MAX_ROWS} more, all of them in {table_file}", soft_wrap=True)


def count_outcomes(trials: Sequence[TrialRecord]) -> str:
    """Returns `37 complete, 2 pruned, 1 diverged`."""
    counts = {outcome: sum(trial.outcome == outcome for trial in trials) for outcome in OUTCOMES}
    unfinished = sum(not trial.is_finished for trial in trials)
    parts = [f"{count} {outcome}" for outcome, count in counts.items() if count or outcome == COMPLETE]
    return ", ".join([*parts, *([f"{unfinished} unfinished"] if unfinished else [])])


def print_winner(summary: Mapping[str, Any]) -> None:
    """Prints the winner of a sweep's summary, and what the test set says of it."""
    console = results()
    winner, test = summary["winner"], summary["test"]
    chosen = formatting.percent(winner["val_accuracy"], decimals=2)
    console.print(
        f"winner: trial {winner['trial']}, {chosen} on validation, which is optimistic: it was chosen by this figure",
        soft_wrap=True,
    )
    if test is None:
        return
    console.print(f"test: {describe_test_accuracy(test)}", style="bold", soft_wrap=True)


def describe_test_accuracy(test: Mapping[str, Any]) -> str:
    """Returns the test accuracy of the winner: of its own run, or the mean over seeds with its interval."""
    accuracy = test["accuracy"]
    if accuracy is None:
        return "none, as the training of every seed diverged"
    if "n" not in test:
        return f"{formatting.percent(accuracy, decimals=2)}, the winner's own run; --seeds 5 measures its variation"
    interval = test["confidence_95"]
    half = None if interval is None else (interval[1] - interval[0]) / 2
    return f"{formatting.percent_with_uncertainty(accuracy, half)}, {test['n']} seeds (95 % confidence, Student's t)"


def _accuracy(trial: TrialRecord) -> str:
    return "–" if trial.val_accuracy is None else formatting.percent(trial.val_accuracy, decimals=2)
