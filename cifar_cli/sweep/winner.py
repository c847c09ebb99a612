"""Reads the test set for the winner of a sweep alone: for its own run, or for new runs with several seeds."""

import time
from collections.abc import Sequence
from typing import Any

from cifar_cli import config, formatting
from cifar_cli.builders.load_model import load_model
from cifar_cli.builders.trust_model import ModelTrust
from cifar_cli.config import Experiment
from cifar_cli.console.streams import note
from cifar_cli.runner.evaluate_model import evaluate_model
from cifar_cli.runner.seeds import open_group, start_group
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.runs.seed_group import find_groups, read_seed_runs
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.runs.trial_record import TrialRecord

BATCH_SIZE = 500  # images at a time; affects only speed and memory


def measure_run(folder: SweepFolder, winner: TrialRecord, trust_in: ModelTrust) -> dict[str, Any]:
    """Measures the best epoch of the winner's own run on the test set, and writes the result into its summary too."""
    run = folder.trial(winner.number)
    summary = read_json(run.summary)
    if not summary.get("test"):
        note(f"reading the test set, for trial {winner.number} alone")
        opened = load_model(str(run.path), log_dir=folder.path, trust_in=trust_in)
        measured = evaluate_model(opened, split="test", batch_size=BATCH_SIZE).measured
        summary["test"] = {"loss": measured.loss, "accuracy": measured.accuracy}
        write_json(run.summary, summary)
    return {"trial": winner.number, **summary["test"]}


def measure_seeds(
    folder: SweepFolder, winner: TrialRecord, experiment: Experiment, seeds: Sequence[int]
) -> dict[str, Any]:
    """Trains the winner's configuration with each of the seeds, in runs of their own, and returns their statistics.

    Continues a group of runs that was interrupted. Raises StoppedError when a signal stops it.
    """
    counted = formatting.count(len(seeds), "seed")
    note(f"training the winner, trial {winner.number}, with {counted}; each is tested once")
    started_at = time.perf_counter()
    text = config.dump(experiment)
    for group in find_groups(folder.winner):
        runs = read_seed_runs(group)
        if group.config.read_text(encoding="utf-8") == text and [run.seed for run in runs] == [*seeds]:
            if all(run.is_finished for run in runs):
                summary = read_json(group.summary)
            else:
                summary = open_group(group, experiment, started_at=started_at).train()
            break
    else:
        training = start_group(
            experiment, seeds=seeds, started_at=started_at, log_dir=folder.winner, environment=folder.environment
        )
        group, summary = training.group, training.train()
    statistics = summary.get("test") or {"n": 0, "mean": None, "standard_deviation": None, "confidence_95": None}
    return {
        "trial": winner.number,
        "accuracy": statistics["mean"],
        **{key: statistics[key] for key in ("n", "standard_deviation", "confidence_95")},
        "seeds": [*seeds],
        "runs": [str(RunFolder(folder.winner / entry["run"]).path) for entry in summary["runs"] if entry["run"]],
        "group": str(group.path),
    }
