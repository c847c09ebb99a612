"""Writes what is said of a sweep as a whole: summary.json, trials.csv, pictures, TensorBoard's table, best.yaml."""

import csv
import io
import time
from collections.abc import Mapping, Sequence
from typing import Any

from cifar_cli import config, formatting
from cifar_cli.config import Experiment
from cifar_cli.config.yaml.comments import Comments
from cifar_cli.console.streams import warning_instead_of_failure
from cifar_cli.figures.save_png import save_png
from cifar_cli.figures.sweep_figures import draw_history, draw_importance
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.runs.trial_record import OUTCOMES, TrialRecord, best_first, best_of
from cifar_cli.shell import shell_command
from cifar_cli.sweep.hparams import write_search_space, write_trial
from cifar_cli.sweep.space import SearchSpace
from cifar_cli.sweep.sweep_settings import SweepSettings

FACTS = ("trial", "outcome", "val_accuracy", "epochs", "seconds", "run", "host", "error")
IMPORTANCE_CAPTION = (
    "how much the value of a key decides whether a trial is among the best (PED-ANOVA), as a share of all"
)


class SweepRecords:
    """Keeps the files of a sweep's folder up to date.

    base: the experiment without the ranges, on the dataset that was found. started_at: when the command started, on
    time.perf_counter's clock.
    """

    def __init__(
        self, folder: SweepFolder, settings: SweepSettings, space: SearchSpace, *, base: Experiment, started_at: float
    ) -> None:
        self._folder = folder
        self._settings = settings
        self._space = space
        self._base = base
        earlier = read_json(folder.summary)
        self._started_at = started_at - float(earlier.get("wall_seconds") or 0.0)
        self._tests: list[dict[str, Any]] = list(earlier.get("tests") or [])

    @property
    def keys(self) -> list[str]:
        """The keys that are searched."""
        return [each.key for each in self._space.ranges]

    @property
    def tests(self) -> list[dict[str, Any]]:
        """The readings of the test set so far: of one trial each, normally of one alone."""
        return self._tests

    def add_test(self, test: dict[str, Any]) -> None:
        """Adds a reading of the test set; one of the same trial and seeds takes the place of the earlier one."""
        self._tests = [each for each in self._tests if _subject(each) != _subject(test)] + [test]

    def update(self, trials: Sequence[TrialRecord], *, status: str = "running", **more: Any) -> dict[str, Any]:
        """Writes the trials so far, and the configuration of the best; returns the summary."""
        with warning_instead_of_failure(hint="TensorBoard's HPARAMS are left out"):
            write_search_space(self._folder, self._space)
            for trial in trials:
                if trial.is_finished:
                    write_trial(self._folder, trial, self._space)
        best = best_of(trials)
        if best is not None:
            self._write_best(best, finished=sum(trial.is_finished for trial in trials))
        self._write_table(trials)
        return self._write_summary(trials, best, status, more)

    def draw(self, trials: Sequence[TrialRecord], importances: Mapping[str, float]) -> list[str]:
        """Draws the history and the importances; returns the files."""
        files: list[str] = []
        name = self._folder.path.name
        finished = [trial for trial in trials if trial.is_finished]
        with warning_instead_of_failure(hint="the pictures are left out"):
            if finished:
                figure = draw_history(finished, title=f"{name}: the trials in their order")
                files.append(str(save_png(figure, self._folder.images / "history.png")))
            if importances:
                figure = draw_importance(importances, title=f"{name}: which keys matter", caption=IMPORTANCE_CAPTION)
                files.append(str(save_png(figure, self._folder.images / "importance.png")))
        return files

    def _write_best(self, best: TrialRecord, *, finished: int) -> None:
        experiment = self._space.variant(best.values).experiment
        accuracy = formatting.percent(best.val_accuracy or 0.0, decimals=2)
        values = [f"{key}={value}" for key, value in best.values.items()]
        header = (
            f"# The winner of {self._folder.path.name}: trial {best.number}, the best of {finished}.",
            f"# {accuracy} on validation images, which chose it, so that the figure is optimistic.",
            f"# Searched: {' '.join(values)}",
            "#",
            f"#   {shell_command('cifar', 'train', '--config', self._folder.best)}",
        )
        write_text(self._folder.best, config.dump(experiment, comments=Comments(header=header)))

    def _write_table(self, trials: Sequence[TrialRecord]) -> None:
        text = io.StringIO()
        table = csv.writer(text, lineterminator="\n")
        table.writerow([*FACTS, *self.keys])
        for trial in trials:
            facts = trial.as_dict()
            table.writerow([*(facts.get(fact) for fact in FACTS), *(trial.values.get(key) for key in self.keys)])
        write_text(self._folder.table, text.getvalue())

    def _write_summary(
        self, trials: Sequence[TrialRecord], best: TrialRecord | None, status: str, more: Mapping[str, Any]
    ) -> dict[str, Any]:
        settings = self._settings
        summary = {
            "name": self._base.name,
            "status": status,
            "dataset": self._base.data.name,
            "study": settings.study,
            "sampler": settings.sampler,
            "pruner": settings.pruner,
            "seed": settings.seed,
            "limit": settings.trials,
            "outcomes": {outcome: sum(trial.outcome == outcome for trial in trials) for outcome in OUTCOMES},
            "winner": best.as_dict() if best else None,
            "test": next((test for test in self._tests if best and test["trial"] == best.number), None),
            "tests": self._tests,
            **more,
            "wall_seconds": time.perf_counter() - self._started_at,
            "trials": [trial.as_dict() for trial in best_first(trials)],
        }
        write_json(self._folder.summary, summary)
        return summary


def _subject(test: Mapping[str, Any]) -> tuple[Any, Any]:
    return test["trial"], test.get("seeds")
