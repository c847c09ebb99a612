"""`cifar train --seeds`: trains an experiment once for each seed, and summarizes the group."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifar_cli import config
from cifar_cli.builders.build_training import build_runtime, build_training
from cifar_cli.builders.initial_weights import (
    InitialWeights,
    find_initial_weights,
    keep_initial_weights,
    kept_initial_weights,
)
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
from cifar_cli.console.seed_tables import describe_test, print_group_results
from cifar_cli.console.streams import note, print_next_step, warn
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.distributed.process_group import ProcessGroup, is_main_process, join_process_group
from cifar_cli.errors import CifarError, DivergedError, StoppedError, UsageError
from cifar_cli.kernels.memory_allocator import release_freed_memory
from cifar_cli.runner.newest_unfinished import newest_unfinished
from cifar_cli.runner.observers import TrainingRun
from cifar_cli.runner.resume import resume_run, resume_with_images
from cifar_cli.runner.start import log_folder, run_name, start_run, write_environment
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.run_folder import RunFolder, create_run, find_run
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.runs.seed_group import (
    GroupFolder,
    SeedRun,
    create_group,
    find_group,
    read_seed_runs,
    summarize,
)
from cifar_cli.shell import shell_command
from cifar_cli.training.graceful_shutdown import ShutdownRequest, graceful_shutdown
from cifar_cli.training.runtime import Runtime

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
    experiment: Experiment, *, seeds: Sequence[int], started_at: float, log_dir: Path, begin_with: Path | None = None
) -> "SeedGroupTraining":
    """Returns the training of a new group, whose folder and runs are made in `log_dir`, before its first step."""
    runtime = build_runtime(experiment)
    initial = find_initial_weights(begin_with, experiment) if begin_with is not None else None
    experiment, splits = load_data(experiment)
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
    note(f"seeds {_join(seeds)}, one after the other; their statistics will be in {group.summary}")
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


def open_group(group: GroupFolder, experiment: Experiment, *, started_at: float) -> "SeedGroupTraining":
    """Returns the training of an unfinished group, before its next step."""
    runs = read_seed_runs(group)
    remaining = [run.seed for run in runs if not run.is_finished]
    runtime = build_runtime(experiment)
    experiment, splits = load_data(experiment, environment=group.environment)
    note(f"resuming {group.path}: seeds {_join(remaining)} of {_join(run.seed for run in runs)}")
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


@dataclass(frozen=True)
class SeedGroupTraining:
    """The training of a group: all seeds share the images and the configuration.

    started_at: when the command started, on time.perf_counter's clock, minus the seconds of earlier commands. initial:
    the weights that each seed begins with.
    """

    group: GroupFolder
    runs: Sequence[SeedRun]
    experiment: Experiment
    splits: Splits
    runtime: Runtime
    started_at: float
    initial: InitialWeights | None = None

    def train(self) -> dict[str, Any]:
        """Trains the unfinished seeds and returns the group's summary, which is written however it ends.

        A seed that diverges is recorded, because it says something of the configuration, and the others are trained.
        Raises StoppedError when a signal stops the group.
        """
        status = "failed"
        with run_lock(RunFolder(self.group.path), warn=warn), graceful_shutdown() as shutdown:
            try:
                for run in self.runs:
                    if not run.is_finished:
                        self._raise_if_stopped(shutdown, run.seed)
                        release_freed_memory()  # of the seed before
                        self._train_seed(run, shutdown)
                if not self._diverged_seeds():
                    status = "completed"
            except StoppedError:
                status = "interrupted"
                raise
            except KeyboardInterrupt as error:  # the second Ctrl-C, while no seed was trained
                status = "interrupted"
                raise StoppedError(f"stopped at once; continue with: {self._resume_command}") from error
            finally:
                summary = self.write_summary(status)
        return summary

    def write_summary(self, status: str) -> dict[str, Any]:
        """Writes and returns the group's summary: the results of all seeds so far."""
        summary = summarize(self.runs, status=status, wall_seconds=time.perf_counter() - self.started_at)
        write_json(self.group.summary, summary)
        return summary

    def _train_seed(self, run: SeedRun, shutdown: ShutdownRequest) -> None:
        started_at = time.perf_counter()
        experiment = self.experiment.model_copy(update={"seed": run.seed})
        try:
            if run.folder and run.folder.last_checkpoint.is_file():
                resume_with_images(
                    run.folder,
                    group=self.group.path,
                    experiment=experiment,
                    splits=self.splits,
                    runtime=self.runtime,
                    started_at=started_at,
                    shutdown=shutdown,
                )
            else:
                training = build_training(experiment, self.splits, self.runtime, initial=self.initial)
                run.folder = create_run(self.group.path.parent, f"{run_name(experiment)}-seed{run.seed}")
                self.write_summary("running")
                seed_run = TrainingRun(run.folder, experiment, self.splits, training, group=self.group.path)
                start_run(seed_run, started_at=started_at, shutdown=shutdown)
        except DivergedError as error:
            run.error = str(error)
            warn(f"seed {run.seed}: {error}")
        else:
            note(f"seed {run.seed}: {describe_test(run.summary)}")
        self.write_summary("running")

    def print_results(self, summary: dict[str, Any]) -> None:
        """Prints the statistics and the next command. Raises CifarError if a seed diverged."""
        print_group_results(summary)
        last = next((run.folder for run in reversed(self.runs) if not run.error), None)
        print_next_step(
            wrote=[str(self.group.summary)],
            next_command=shell_command("cifar", "eval", last.path, *self._own_words)
            if last
            else shell_command("cifar", "train", "--config", self.group.config, "--seeds", "N", *self._own_words),
        )
        if diverged := self._diverged_seeds():
            raise CifarError(
                f"{self.group.path}: expected every seed's training to end, found that seed {_join(diverged)} "
                f"(of {len(self.runs)}) diverged; the figures are of the others. Try a smaller optimizer.lr"
            )

    def _diverged_seeds(self) -> list[int]:
        return [run.seed for run in self.runs if run.error]

    def _raise_if_stopped(self, shutdown: ShutdownRequest, seed: int) -> None:
        """Raises StoppedError if a signal came while no steps were taken: between two seeds, or during a test."""
        if shutdown.signal_number:
            message = f"stopped before seed {seed}; continue with: {self._resume_command}"
            raise StoppedError(message, signal_number=shutdown.signal_number)

    @property
    def _resume_command(self) -> str:
        return shell_command("cifar", "train", "--resume", self.group.path, *self._own_words)

    @property
    def _own_words(self) -> list[str]:
        return words_for_own_model(self.experiment.model)


def _require_single_process(processes: ProcessGroup) -> None:
    if processes.size > 1:
        raise UsageError(
            f"cifar train --seeds: expected one process, found {processes.size}; leave torchrun out, or train "
            f"one seed at a time: seed=1"
        )


def _join(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))
