"""Ends a sweep: its winner is tested, or it is said why there is none."""

import signal
from collections.abc import Sequence

from cifar_cli.builders.feature_layers import without_unknown_feature_layers
from cifar_cli.builders.trust_model import ModelTrust, words_for_own_model
from cifar_cli.config import Experiment
from cifar_cli.console.streams import note, warn
from cifar_cli.errors import CifarError, StoppedError
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.runs.trial_record import FAILED, TrialRecord, best_of
from cifar_cli.shell import shell_command
from cifar_cli.sweep.run_sweep import name_trials
from cifar_cli.sweep.space import SearchSpace
from cifar_cli.sweep.study import SweepStudy
from cifar_cli.sweep.sweep_records import SweepRecords
from cifar_cli.sweep.sweep_settings import SweepSettings
from cifar_cli.sweep.winner import measure_run, measure_seeds


def resume_command(folder: SweepFolder, base: Experiment) -> str:
    """Returns the command that goes on with the sweep."""
    return shell_command("cifar", "sweep", "--resume", folder.path, *words_for_own_model(base.model))


def test_winner(
    folder: SweepFolder,
    settings: SweepSettings,
    space: SearchSpace,
    records: SweepRecords,
    study: SweepStudy,
    trials: Sequence[TrialRecord],
    others: Sequence[TrialRecord],
    trust_in: ModelTrust,
) -> None:
    """Tests the winner, unless another machine has its run, or still trains trials that may win."""
    winner = best_of(trials)
    if winner is None:
        raise _no_winner(folder, study, trials, resume_command(folder, space.base()))
    if others:
        note(
            f"other machines still train {name_trials([trial.number for trial in others])}; the winner is "
            f"tested after that, with: {resume_command(folder, space.base())}"
        )
        return
    if winner.host:
        note(f"the winner's run is elsewhere, {winner.host}/{winner.run}; it is tested by the sweep there")
        return
    if earlier := [test["trial"] for test in records.tests if test["trial"] != winner.number]:
        warn(
            f"the test set was read for trial {', '.join(map(str, earlier))} before, the winner then; it is read once "
            f"more, for trial {winner.number}: say so with the result"
        )
    try:
        if settings.seeds:
            experiment = without_unknown_feature_layers(space.variant(winner.values).experiment)
            records.add_test(measure_seeds(folder, winner, experiment, settings.seeds))
        elif not any(test["trial"] == winner.number and "seeds" not in test for test in records.tests):
            records.add_test(measure_run(folder, winner, trust_in))
    except (StoppedError, KeyboardInterrupt) as error:
        number = error.signal_number if isinstance(error, StoppedError) else signal.SIGINT
        raise StoppedError(
            f"stopped before the winner was tested; continue with: {resume_command(folder, space.base())}",
            signal_number=number,
        ) from error


def _no_winner(
    folder: SweepFolder, study: SweepStudy, trials: Sequence[TrialRecord], resume_command: str
) -> CifarError:
    """Returns what to say of a sweep without a complete trial, by how its trials ended."""
    expected = f"{folder.path}: expected at least one complete trial"
    if not trials or any(not trial.is_finished for trial in trials):
        return CifarError(f"{expected}, found none when this command ended; continue with: {resume_command}")
    found = next((f": trial {trial.number}: {trial.error}" for trial in trials if trial.error), "")
    mend = f"look at {folder.table}, and search other ranges"
    if any(trial.outcome == FAILED for trial in trials):
        mend = f"mend the cause, and {study.way_on(resume_command)}"
    return CifarError(f"{expected}, found {len(trials)} that are not{found}; {mend}")
