"""The study of a sweep: Optuna's storage, with the trials of this machine in its own words."""

import socket
import warnings
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import optuna
from optuna.trial import FrozenTrial, TrialState

from cifar_cli.config import to_flow_yaml
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.runs.trial_record import COMPLETE, DIVERGED, FAILED, PRUNED, UNFINISHED, TrialRecord
from cifar_cli.sweep.ranges import Choice, FloatRange, Range
from cifar_cli.sweep.samplers import make_pruner, make_sampler
from cifar_cli.sweep.space import SearchSpace
from cifar_cli.sweep.study_storage import open_study, storage_errors
from cifar_cli.sweep.sweep_settings import SweepSettings

STATES = {
    COMPLETE: TrialState.COMPLETE,
    # A sampler learns from a pruned trial, and nothing from a failed one: that a value diverges is worth knowing.
    PRUNED: TrialState.PRUNED,
    DIVERGED: TrialState.PRUNED,
    FAILED: TrialState.FAIL,
}
TRIALS_FOR_IMPORTANCE = 10
SURPLUS = "surplus"  # the outcome of a trial beyond the limit, which was never begun


class SweepStudy:
    """Asks for trials and records how they end.

    Only the process that coordinates the workers of a machine uses it, so that a journal has one writer.
    """

    def __init__(
        self, folder: SweepFolder, settings: SweepSettings, space: SearchSpace, *, storage: str | None, epochs: int
    ) -> None:
        self._folder = folder
        self._space = space
        self._limit = settings.trials
        self._is_grid = settings.sampler == "grid"
        self._here = {"host": socket.gethostname(), "sweep": str(folder.path.resolve())}
        combinations = [self._encoded(values) for values in space.combinations()] if self._is_grid else []
        sampler = make_sampler(settings.sampler, seed=settings.seed, combinations=combinations)
        pruner = make_pruner(settings.pruner, epochs=epochs)
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        self._study = open_study(folder, storage, name=settings.study, sampler=sampler, pruner=pruner)
        self._open: dict[int, optuna.Trial] = {}
        self._storage = storage

    def trials(self) -> list[TrialRecord]:
        """Returns the trials of the study, of all machines, by number."""
        with storage_errors(self._folder, self._storage):
            found = self._study.get_trials(deepcopy=False)
        return [self._record(trial) for trial in found if trial.user_attrs.get("outcome") != SURPLUS]

    def way_on(self, resume_command: str) -> str:
        """Returns what to do once the cause of failed trials, which are not trained again, is mended."""
        begun = len(self.trials())
        if begun < self._limit:
            return f"continue with: {resume_command}"
        if self._is_grid:
            return "search anew: this grid has no trials left"
        return f"continue with more trials: {resume_command} --trials {begun + self._limit}"

    def interrupted(self) -> list[int]:
        """Returns the trials that this sweep began and did not finish, and opens them again."""
        with storage_errors(self._folder, self._storage):
            for found in self._study.get_trials(deepcopy=False, states=[TrialState.RUNNING]):
                # Without the fact, the process was killed right after it had asked; a journal has no other sweep's.
                owner = found.user_attrs.get("sweep", None if self._storage else self._here["sweep"])
                if owner == self._here["sweep"]:
                    self._open[found.number] = optuna.trial.Trial(self._study, found._trial_id)
        return sorted(self._open)

    def ask(self) -> int | None:
        """Returns the number of a new trial, None if the study has as many as it is to have."""
        with storage_errors(self._folder, self._storage):
            if len(self._study.get_trials(deepcopy=False)) >= self._limit:
                return None
            trial = self._study.ask()
            for key, value in self._here.items():
                trial.set_user_attr(key, value)
            if trial.number >= self._limit:  # another machine asked at the same moment
                trial.set_user_attr("outcome", SURPLUS)
                self._study.tell(trial, state=TrialState.FAIL)
                return None
        self._open[trial.number] = trial
        return trial.number

    def values(self, number: int) -> dict[str, str]:
        """Returns the values of an open trial, as YAML; draws those that it does not have yet."""
        values: dict[str, str] = {}
        with storage_errors(self._folder, self._storage):
            while (following := self._space.next_range(values)) is not None:
                values[following.key] = _suggest(self._open[number], following)
        return values

    def report(self, number: int, *, epoch: int, val_accuracy: float) -> bool:
        """Records the validation accuracy of an epoch; returns whether the trial is to be pruned."""
        trial = self._open[number]
        with storage_errors(self._folder, self._storage):
            known = self._study._storage.get_trial(trial._trial_id).intermediate_values
            if epoch not in known:  # a resumed trial trains the epochs after its last checkpoint again
                trial.report(val_accuracy, step=epoch)
            return trial.should_prune()

    def note(self, number: int, **facts: Any) -> None:
        """Records facts of an open trial."""
        with storage_errors(self._folder, self._storage):
            for key, value in facts.items():
                self._open[number].set_user_attr(key, value)

    def fact(self, number: int, key: str) -> Any:
        """Returns a recorded fact of an open trial, None if there is none."""
        return self._open[number].user_attrs.get(key)

    def finish(self, number: int, *, outcome: str, val_accuracy: float | None, **facts: Any) -> None:
        """Records how a trial ended."""
        self.note(number, outcome=outcome, val_accuracy=val_accuracy, **facts)
        trial = self._open.pop(number)
        with storage_errors(self._folder, self._storage):
            self._study.tell(trial, val_accuracy if outcome == COMPLETE else None, state=STATES[outcome])

    def importances(self) -> dict[str, float]:
        """Returns how much each key decides whether a trial is among the best, as shares; empty if nothing is known.

        Source: Watanabe, Bansal, Hutter, PED-ANOVA, IJCAI 2023, as Optuna computes it.
        """
        complete = self._study.get_trials(deepcopy=False, states=[TrialState.COMPLETE])
        if len(complete) < TRIALS_FOR_IMPORTANCE:
            return {}
        # The best tenth, but at least five trials, as Optuna advises, and at most half of them.
        best = min(0.5, max(0.1, 5 / len(complete)))
        evaluator = optuna.importance.PedAnovaImportanceEvaluator(target_quantile=best)
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            found: Mapping[str, float] = optuna.importance.get_param_importances(self._study, evaluator=evaluator)
        if any("same set of trials" in str(warning.message) for warning in caught):  # most are equally good
            return {}
        return {key: float(value) for key, value in found.items()}

    def _encoded(self, values: Mapping[str, str]) -> dict[str, str | int]:
        kinds = {each.key: each for each in self._space.ranges}
        return {key: value if isinstance(kinds[key], Choice) else int(value) for key, value in values.items()}

    def _record(self, trial: FrozenTrial) -> TrialRecord:
        facts = trial.user_attrs
        is_here = facts.get("sweep") == self._here["sweep"]
        values = {key: _as_yaml(value) for key, value in trial.params.items()}
        return TrialRecord(
            trial.number,
            values,
            _outcome(trial),
            val_accuracy=facts.get("val_accuracy", max(trial.intermediate_values.values(), default=None)),
            epochs=int(facts.get("epochs", max(trial.intermediate_values, default=0))),
            seconds=facts.get("seconds"),
            run=self._folder.trial(trial.number).path if is_here else Path(f"trial-{trial.number:04}"),
            host="" if is_here else f"{facts.get('host', '?')}:{facts.get('sweep', '?')}",
            error=facts.get("error"),
        )


def _outcome(trial: FrozenTrial) -> str:
    if trial.state in (TrialState.RUNNING, TrialState.WAITING):
        return UNFINISHED
    return str(trial.user_attrs.get("outcome", FAILED))


def _suggest(trial: optuna.Trial, each: Range) -> str:
    if isinstance(each, Choice):
        return trial.suggest_categorical(each.key, each.values)
    if isinstance(each, FloatRange):
        return to_flow_yaml(trial.suggest_float(each.key, each.low, each.high, log=each.is_log))
    return str(trial.suggest_int(each.key, each.low, each.high, step=each.step))


def _as_yaml(value: Any) -> str:
    return value if isinstance(value, str) else to_flow_yaml(value)
