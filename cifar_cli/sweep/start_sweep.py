"""`cifar sweep`: starts a sweep in a new folder, or resumes one, and ends it with the winner."""

import json
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace

from cifar_cli import formatting
from cifar_cli.builders.build_training import build_runtime
from cifar_cli.builders.feature_layers import without_unknown_feature_layers
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.preflight import check_batches, preflight
from cifar_cli.builders.trust_model import (
    NO_TRUST,
    ModelTrust,
    with_trusted_model,
    words_for_own_model,
    write_model_copy,
)
from cifar_cli.config import to_flow_yaml
from cifar_cli.config.config_files import ConfigFile
from cifar_cli.config.dump import to_plain
from cifar_cli.config.variants import Variant
from cifar_cli.console.streams import note, print_next_step, warn
from cifar_cli.console.sweep_tables import print_sweep_results, print_winner
from cifar_cli.errors import StoppedError, UsageError
from cifar_cli.models.own.build_own import trusted_sources
from cifar_cli.runner.start import log_folder, run_name, write_environment
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.run_folder import OWN_MODEL_COPY, RunFolder
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.runs.sweep_folder import SweepFolder, create_sweep
from cifar_cli.runs.trial_record import TrialRecord
from cifar_cli.shell import shell_command
from cifar_cli.sweep.end_sweep import resume_command, test_winner
from cifar_cli.sweep.machine_shares import gpus_for, threads_for
from cifar_cli.sweep.pool import Pool
from cifar_cli.sweep.run_sweep import TrialLoop
from cifar_cli.sweep.space import SearchSpace
from cifar_cli.sweep.study import SweepStudy
from cifar_cli.sweep.study_storage import check_database
from cifar_cli.sweep.sweep_records import SweepRecords
from cifar_cli.sweep.sweep_settings import SweepSettings, write_settings
from cifar_cli.sweep.trial_messages import WorkerSettings


@dataclass(frozen=True)
class SweepCommand:
    """What concerns one command and not the sweep.

    started_at: when the command started, on time.perf_counter's clock. timeout_seconds: after which it ends, None for
    no limit. storage: the address of a database. as_json: print the summary alone.
    """

    started_at: float
    timeout_seconds: float | None = None
    storage: str | None = None
    as_json: bool = False
    trust_in: ModelTrust = NO_TRUST

    @property
    def ends_at(self) -> float | None:
        """When the time is over, on time.monotonic's clock."""
        if self.timeout_seconds is None:
            return None
        return time.monotonic() + self.timeout_seconds - (time.perf_counter() - self.started_at)


def start_sweep(settings: SweepSettings, file: ConfigFile, variants: Sequence[Variant], command: SweepCommand) -> None:
    """Runs a sweep in a new folder. variants: those of the search space that stand for all.

    Everything that can be checked is checked before there is a folder.
    """
    base = settings.space(file.text).base()
    _preflight(variants)
    runtime = build_runtime(base)
    experiment, splits = load_data(base)
    for variant in variants:
        check_batches(variant.experiment, images=len(splits.train))
    if experiment.data != base.data:  # the fallback, or what was measured of a person's own images
        settings = replace(settings, data=f"data={to_flow_yaml(to_plain(experiment)['data'])}")
    settings = settings.named_study(base.name, file.text)
    if command.storage is not None:
        check_database(command.storage)
    folder = create_sweep(log_folder(base), run_name(experiment))
    write_environment(folder.environment, runtime=runtime, splits=splits)
    write_model_copy(folder.path / OWN_MODEL_COPY, base.model)
    write_settings(folder, settings)
    write_text(folder.config, file.text)  # last: a folder with it is a sweep that can be resumed
    del splits
    watch = shell_command("tensorboard", "--logdir", folder.path)
    note(f"{folder.path}/: the trials, each an ordinary run, and their table (watch them: {watch})")
    run_sweep(folder, settings, command)


def resume_sweep(folder: SweepFolder, settings: SweepSettings, command: SweepCommand) -> None:
    """Runs a sweep to its end: trials that were stopped or killed go on from their last checkpoint."""
    base = settings.space(folder.config.read_text(encoding="utf-8")).base()
    with_trusted_model(base, command.trust_in, folder=folder.path, place=str(folder.path), same_file=True)
    note(f"resuming {folder.path}")
    run_sweep(folder, settings, command)


def run_sweep(folder: SweepFolder, settings: SweepSettings, command: SweepCommand) -> None:
    """Trains the trials that are left, and ends the sweep with its winner."""
    space = settings.space(folder.config.read_text(encoding="utf-8"))
    base = space.base()
    with run_lock(RunFolder(folder.path), warn=warn):
        study = SweepStudy(folder, settings, space, storage=command.storage, epochs=base.train.epochs)
        records = SweepRecords(folder, settings, space, base=base, started_at=command.started_at)
        _refuse_fewer_trials(settings, study.trials(), folder)
        if command.storage is not None:
            begun = formatting.count(len(study.trials()), "trial")
            note(f"study {settings.study} in the database of --storage: {begun} so far")
        write_settings(folder, settings)  # now: what is refused changes nothing
        records.update(study.trials())
        status = "failed"
        try:
            loop = TrialLoop(
                folder,
                study,
                Pool(_worker_settings(folder, settings, space)),
                ends_at=command.ends_at,
                changed=records.update,
                resume_command=resume_command(folder, base),
            )
            is_over = loop.run()
            if not is_over:
                status = "interrupted"
            trials = study.trials()
            others = [trial for trial in trials if not trial.is_finished and trial.number not in loop.interrupted]
            test_winner(folder, settings, space, records, study, trials, others, command.trust_in)
            status = "completed" if is_over and not others else "interrupted"
        except StoppedError:
            status = "interrupted"
            raise
        finally:
            records.update(study.trials(), status=status)
        trials, importances = study.trials(), study.importances()
        pictures = records.draw(trials, importances)
        summary = records.update(trials, status=status, importances=importances)
    _print(folder, settings, space, trials, summary, pictures, command)


def _refuse_fewer_trials(settings: SweepSettings, trials: Sequence[TrialRecord], folder: SweepFolder) -> None:
    """Raises UsageError if the study has more trials than it is to have."""
    if len(trials) > settings.trials:
        raise UsageError(
            f"{folder.path}: expected --trials of at least the {len(trials)} that were begun, found {settings.trials}; "
            f"write --trials {len(trials)}"
        )


def _preflight(variants: Sequence[Variant]) -> None:
    """Checks all variants as a training checks its configuration; each warning is given once."""
    told: dict[str, None] = {}
    for variant in variants:
        experiment = without_unknown_feature_layers(variant.experiment, warn=lambda text: told.setdefault(text))
        preflight(experiment, warn=lambda text: told.setdefault(text))
    for key in dict.fromkeys(key for variant in variants for key in variant.left_out):
        told[f"{key}: left out of the trials whose {key.partition('.')[0]} has no such key"] = None
    for text in told:
        warn(text)


def _worker_settings(folder: SweepFolder, settings: SweepSettings, space: SearchSpace) -> list[WorkerSettings]:
    threads = threads_for(settings.workers)
    return [
        WorkerSettings(
            space,
            threads=threads,
            gpu=gpu,
            log=folder.worker_log(index),
            environment=folder.environment,
            own_sources=tuple(trusted_sources()),
        )
        for index, gpu in enumerate(gpus_for(settings.workers, device=space.base().train.device))
    ]


def _print(
    folder: SweepFolder,
    settings: SweepSettings,
    space: SearchSpace,
    trials: Sequence[TrialRecord],
    summary: dict[str, object],
    pictures: Sequence[str],
    command: SweepCommand,
) -> None:
    if command.as_json:
        json.dump(summary, sys.stdout, ensure_ascii=False)
        print()
    else:
        print_sweep_results(
            trials,
            keys=[each.key for each in space.ranges],
            name=f"{summary['name']} on {summary['dataset']}",
            table_file=folder.table,
        )
        print_winner(summary)
    own_words = words_for_own_model(space.base().model)
    following = shell_command("cifar", "train", "--config", folder.best, *own_words)
    if summary["status"] != "completed":
        following = resume_command(folder, space.base())
    print_next_step(wrote=[str(folder.table), str(folder.best), *pictures], next_command=following)
