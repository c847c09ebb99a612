"""`cifar train --seeds`: the same training with one seed after the other, and what they say together."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifar_cli import config
from cifar_cli.builders.build_training import build_runtime, build_training
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.preflight import preflight
from cifar_cli.config import Experiment
from cifar_cli.console.seed_tables import describe_test, print_group_results
from cifar_cli.console.streams import note, print_next_step, warn
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.distributed.process_group import ProcessGroup, join_process_group
from cifar_cli.errors import CifarError, DivergedError, RunError, StoppedError, UsageError
from cifar_cli.kernels.memory_allocator import release_freed_memory
from cifar_cli.runner.resume import continue_run, unfinished_runs
from cifar_cli.runner.resume import resume as resume_run
from cifar_cli.runner.start import run_name, train_in_folder, write_environment
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.runs.seed_group import (
    GroupFolder,
    SeedRun,
    create_group,
    find_group,
    find_groups,
    read_members,
    summarize,
)
from cifar_cli.training.graceful_shutdown import ShutdownRequest, graceful_shutdown
from cifar_cli.training.runtime import Runtime


def train_seeds(experiment: Experiment, *, seeds: Sequence[int], started: float) -> None:
    """Trains an experiment from its beginning with each of the seeds.

    started: when the command began, on time.perf_counter's clock.
    """
    preflight(experiment)
    with join_process_group() as processes:
        _check_alone(processes)
        runtime = build_runtime(experiment)
        experiment, splits = load_data(experiment)
        build_training(experiment, splits, runtime)  # what cannot be trained is told before there is a folder
        group = create_group(Path(experiment.log.dir), run_name(experiment))
        together = SeedGroupTraining(
            group, [SeedRun(seed) for seed in seeds], experiment, splits, runtime, started=started
        )
        together.write_summary("running")
        write_environment(group.environment, runtime=runtime, splits=splits)
        write_text(group.config, config.dump(experiment))  # last: a folder with it is a group that can be resumed
        note(f"seeds {_listed(seeds)}, one after the other; what they say together will be in {group.summary}")
        together.train()


def resume(name: str | None, overrides: Sequence[str], *, log_dir: Path, started: float) -> None:
    """Goes on with the run or the group of that name; without one, with what was begun last and is unfinished."""
    group = find_group(name, log_dir=log_dir) if name else _newest_unfinished(log_dir)
    if group:
        resume_seeds(group, overrides, started=started)
    else:
        resume_run(name, overrides, log_dir=log_dir, started=started)


def resume_seeds(group: GroupFolder, overrides: Sequence[str], *, started: float) -> None:
    """Goes on with a group: seeds that are through stay as they are, one in progress is continued, the rest begun."""
    if overrides:
        raise UsageError(
            f"cifar train --resume {group.path}: expected no key=value, since all seeds are to be trained alike, found "
            f"{' '.join(overrides)}; begin another group with: "
            f"cifar train --config {group.config} {shlex.join(overrides)} --seeds N"
        )
    members = read_members(group)
    waiting = [member.seed for member in members if not member.is_over]
    if not waiting:
        raise UsageError(
            f"{group.path}: expected a group with seeds left to train, found all {len(members)} of them through; "
            f"train others with: cifar train --config {group.config} --seeds LIST"
        )
    experiment = config.load(group.config)
    with join_process_group() as processes:
        _check_alone(processes)
        runtime = build_runtime(experiment)
        experiment, splits = load_data(experiment)
        note(f"going on with {group.path}: seeds {_listed(waiting)} of {_listed([each.seed for each in members])}")
        earlier = float(read_json(group.summary).get("wall_seconds") or 0.0)
        SeedGroupTraining(group, members, experiment, splits, runtime, started=started - earlier).train()


@dataclass(frozen=True)
class SeedGroupTraining:
    """A group's training: the same images and configuration for all members.

    started: when the command began, on time.perf_counter's clock; earlier still by what earlier commands took.
    """

    group: GroupFolder
    members: Sequence[SeedRun]
    experiment: Experiment
    splits: Splits
    runtime: Runtime
    started: float

    def train(self) -> None:
        """Trains what is not through yet, and tells what all say; whatever happens, the summary says how far it came.

        A seed whose training diverges says something of the configuration: it is recorded, and the others go on.
        Raises CifarError at the end where there was one.
        """
        status = "failed"
        with run_lock(RunFolder(self.group.path)), graceful_shutdown() as stop:
            try:
                for member in self.members:
                    if not member.is_over:
                        _check_wanted(stop, member)
                        release_freed_memory()  # by the seed before
                        self._train_member(member, stop)
                if not self._diverged():
                    status = "completed"
            except (StoppedError, KeyboardInterrupt):
                status = "interrupted"
                note(f"and go on with all seeds: cifar train --resume {self.group.path}")
                raise
            finally:
                summary = self.write_summary(status)
        print_group_results(summary)
        last = next((member.run for member in reversed(self.members) if not member.error), None)
        print_next_step(
            wrote=[str(self.group.summary)],
            next_command=f"cifar eval {last.path}" if last else f"cifar train --config {self.group.config} --seeds N",
        )
        if self._diverged():
            raise CifarError(
                f"{self.group.path}: expected every seed's training to end, found that seed "
                f"{_listed(self._diverged())} (of {len(self.members)}) diverged; the figures are of the others. "
                f"Try a smaller optimizer.lr"
            )

    def _train_member(self, member: SeedRun, stop: ShutdownRequest) -> None:
        begun = time.perf_counter()
        experiment = self.experiment.model_copy(update={"seed": member.seed})
        try:
            if member.run and member.run.last_checkpoint.is_file():
                continue_run(
                    member.run,
                    experiment=experiment,
                    splits=self.splits,
                    runtime=self.runtime,
                    started=begun,
                    stop=stop,
                )
            else:
                training = build_training(experiment, self.splits, self.runtime)
                member.run = create_run(self.group.path.parent, f"{run_name(experiment)}-seed{member.seed}")
                self.write_summary("running")
                train_in_folder(member.run, experiment, self.splits, training, started=begun, stop=stop)
        except DivergedError as error:
            member.error = str(error)
            warn(f"seed {member.seed}: {error}")
        else:
            note(f"seed {member.seed}: {describe_test(member.figures)}")
        self.write_summary("running")

    def write_summary(self, status: str) -> dict[str, Any]:
        """Writes down what all members have come to so far."""
        summary = summarize(self.members, status=status, wall_seconds=time.perf_counter() - self.started)
        write_json(self.group.summary, summary)
        return summary

    def _diverged(self) -> list[int]:
        return [member.seed for member in self.members if member.error]


def _newest_unfinished(log_dir: Path) -> GroupFolder | None:
    """Returns the newest unfinished group, None where there is none or an unfinished run of its own is newer."""
    for group in reversed(find_groups(log_dir)):
        try:
            members = read_members(group)
        except RunError as error:
            warn(f"{error}\nlooking further")
            continue
        if all(member.is_over for member in members):
            continue
        runs = unfinished_runs(log_dir)
        own = [member.run.path for member in members if member.run]
        is_newest = not runs or runs[-1].path in own or group.started > runs[-1].started
        return group if is_newest else None
    return None


def _check_alone(processes: ProcessGroup) -> None:
    if processes.size > 1:
        raise UsageError(
            f"cifar train --seeds: expected one process, found {processes.size}; leave torchrun out, or train "
            f"one seed at a time: seed=1"
        )


def _check_wanted(stop: ShutdownRequest, member: SeedRun) -> None:
    """Raises StoppedError where a signal came while no steps were taken: between two seeds, or in a test."""
    if stop.signal_number:
        raise StoppedError(f"stopped before seed {member.seed}", signal_number=stop.signal_number)


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
