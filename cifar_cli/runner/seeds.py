"""`cifar train --seeds`: trains an experiment once for each seed, and summarizes the group."""

from collections.abc import Sequence
from pathlib import Path

from cifar_cli import config
from cifar_cli.builders.build_training import build_runtime, build_training
from cifar_cli.builders.initial_weights import find_initial_weights, keep_initial_weights, kept_initial_weights
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.preflight import preflight
from cifar_cli.builders.trust_model import (
    NO_TRUST,
    ModelTrust,
    with_trusted_model,
    words_for_own_model,
    write_model_copy,
)
from cifar_cli.config import Experiment
from cifar_cli.console.streams import note
from cifar_cli.distributed.process_group import ProcessGroup, is_main_process, join_process_group
from cifar_cli.errors import UsageError
from cifar_cli.runner.newest_unfinished import newest_unfinished
from cifar_cli.runner.resume import resume_run
from cifar_cli.runner.seed_group_training import SeedGroupTraining, join_seeds
from cifar_cli.runner.start import log_folder, run_name, write_environment
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.json_files import read_json
from cifar_cli.runs.run_folder import RunFolder, find_run
from cifar_cli.runs.seed_group import GroupFolder, SeedRun, create_group, find_group, read_seed_runs
from cifar_cli.shell import shell_command

LAST_CHECKPOINT = "/checkpoints/last.pt"


def train_seeds(
    experiment: Experiment, *, seeds: Sequence[int], started_at: float, begin_with: Path | None = None
) -> None:
    """Trains an experiment with each of the seeds, in new run folders, and prints the statistics.

    begin_with: a file with weights; those that fit are kept in the group's folder. started_at: when the command
    started, on time.perf_counter's clock.
    """
    preflight(experiment)
    with join_process_group() as processes:
        _require_single_process(processes)
        group = start_group(
            experiment, seeds=seeds, started_at=started_at, log_dir=log_folder(experiment), begin_with=begin_with
        )
        group.print_results(group.train())


def start_group(
    experiment: Experiment,
    *,
    seeds: Sequence[int],
    started_at: float,
    log_dir: Path,
    begin_with: Path | None = None,
    environment: Path | None = None,
) -> SeedGroupTraining:
    """Returns the training of a new group, whose folder and runs are made in `log_dir`, before its first step.

    environment: see load_data.
    """
    runtime = build_runtime(experiment)
    initial = find_initial_weights(begin_with, experiment) if begin_with is not None else None
    experiment, splits = load_data(experiment, environment=environment)
    build_training(experiment, splits, runtime, initial=initial)  # raises its errors before there is a folder
    group = create_group(log_dir, run_name(experiment))
    training = SeedGroupTraining(
        group,
        [SeedRun(seed) for seed in seeds],
        experiment,
        splits,
        runtime,
        started_at=started_at,
        initial=initial,
    )
    training.write_summary("running")
    write_environment(group.environment, runtime=runtime, splits=splits, initial=initial)
    if initial is not None:
        keep_initial_weights(initial, group.initial_weights)
    write_model_copy(group.model, experiment.model)
    write_text(group.config, config.dump(experiment))  # last: a folder with it is a group that can be resumed
    note(f"seeds {join_seeds(seeds)}, one after the other; their statistics will be in {group.summary}")
    return training


def resume(
    name: str | None,
    overrides: Sequence[str],
    *,
    log_dir: Path,
    started_at: float,
    trust_in: ModelTrust = NO_TRUST,
) -> None:
    """Resumes the run or the group of that name; without a name, the newest unfinished one.

    A run may also be named by its last checkpoint. trust_in: what the command line says of a person's own network.
    """
    found: RunFolder | GroupFolder | None = None
    if name:
        found = find_group(name, log_dir=log_dir) or find_run(name.removesuffix(LAST_CHECKPOINT), log_dir=log_dir)
    elif is_main_process():  # the others follow: they would find the chosen run locked
        found = newest_unfinished(log_dir)
    if isinstance(found, GroupFolder):
        resume_group(found, overrides, started_at=started_at, trust_in=trust_in)
    else:
        resume_run(found, overrides, started_at=started_at, trust_in=trust_in)


def resume_group(
    group: GroupFolder, overrides: Sequence[str], *, started_at: float, trust_in: ModelTrust = NO_TRUST
) -> None:
    """Trains a group to its end: skips finished seeds, resumes the interrupted one, and starts the others."""
    experiment = config.load(group.config)
    with_trusted_model(experiment, trust_in, folder=group.path, place=str(group.path), same_file=True)
    own_words = words_for_own_model(experiment.model)
    if overrides:
        words = ("--config", group.config, *overrides, "--seeds", "N", *own_words)
        raise UsageError(
            f"cifar train --resume {group.path}: expected no key=value, since all seeds share one configuration, found "
            f"{' '.join(overrides)}; start another group with: {shell_command('cifar', 'train', *words)}"
        )
    runs = read_seed_runs(group)
    remaining = [run.seed for run in runs if not run.is_finished]
    if not remaining:
        words = ("--config", group.config, "--seeds", "LIST", *own_words)
        raise UsageError(
            f"{group.path}: expected a group with seeds left to train, found all {len(runs)} of them finished; "
            f"train others with: {shell_command('cifar', 'train', *words)}"
        )
    with join_process_group() as processes:
        _require_single_process(processes)
        training = open_group(group, experiment, started_at=started_at)
        training.print_results(training.train())


def open_group(group: GroupFolder, experiment: Experiment, *, started_at: float) -> SeedGroupTraining:
    """Returns the training of an unfinished group, before its next step."""
    runs = read_seed_runs(group)
    remaining = [run.seed for run in runs if not run.is_finished]
    runtime = build_runtime(experiment)
    experiment, splits = load_data(experiment, environment=group.environment)
    note(f"resuming {group.path}: seeds {join_seeds(remaining)} of {join_seeds(run.seed for run in runs)}")
    earlier_seconds = float(read_json(group.summary).get("wall_seconds") or 0.0)
    return SeedGroupTraining(
        group,
        runs,
        experiment,
        splits,
        runtime,
        started_at=started_at - earlier_seconds,
        initial=kept_initial_weights(group.initial_weights),
    )


def _require_single_process(processes: ProcessGroup) -> None:
    if processes.size > 1:
        raise UsageError(
            f"cifar train --seeds: expected one process, found {processes.size}; leave torchrun out, or train "
            f"one seed at a time: seed=1"
        )
