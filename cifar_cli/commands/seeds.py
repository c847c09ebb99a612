"""`cifar train --seeds`: the same training with one seed after the other, and what they say together."""

import shlex
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cifar_cli import config
from cifar_cli.commands import parts
from cifar_cli.commands.group_results import describe_test, print_group_results
from cifar_cli.commands.images import open_images
from cifar_cli.commands.resume import continue_run, unfinished_runs
from cifar_cli.commands.resume import resume as resume_run
from cifar_cli.commands.terminal import closing, note, warn
from cifar_cli.commands.train import run_name, train_in
from cifar_cli.commands.trainable import check_trainable
from cifar_cli.config import Experiment
from cifar_cli.data.sources import Splits
from cifar_cli.errors import CifarError, DivergedError, RunError, StoppedError, UsageError
from cifar_cli.memory import give_back_freed_memory
from cifar_cli.runs.files import write_text
from cifar_cli.runs.folder import RunFolder, create_run
from cifar_cli.runs.group import GroupFolder, Member, create_group, find_group, find_groups, read_members, summarize
from cifar_cli.runs.history import read_json, write_json
from cifar_cli.runs.lock import sole_trainer
from cifar_cli.training.interrupt import StopRequest, stop_on_signal
from cifar_cli.training.processes import Processes, join_processes
from cifar_cli.training.runtime import Runtime


def train_seeds(source: str, overrides: Sequence[str], *, seeds: Sequence[int], started: float) -> None:
    """Trains a configuration from its beginning with each of the seeds.

    started: when the command began, on time.perf_counter's clock.
    """
    experiment = config.load(source, overrides)
    check_trainable(experiment)
    with join_processes() as processes:
        _check_alone(processes)
        runtime = parts.runtime(experiment)
        experiment, splits = open_images(experiment)
        parts.training(experiment, splits, runtime)  # what cannot be trained is told before there is a folder
        group = create_group(Path(experiment.log.dir), run_name(experiment))
        together = Seeds(group, [Member(seed) for seed in seeds], experiment, splits, runtime, started=started)
        together.write_summary("running")
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
    with join_processes() as processes:
        _check_alone(processes)
        runtime = parts.runtime(experiment)
        experiment, splits = open_images(experiment)
        note(f"going on with {group.path}: seeds {_listed(waiting)} of {_listed([each.seed for each in members])}")
        earlier = float(read_json(group.summary).get("wall_seconds") or 0.0)
        Seeds(group, members, experiment, splits, runtime, started=started - earlier).train()


@dataclass(frozen=True)
class Seeds:
    """A group's training: the same images and configuration for all members.

    started: when the command began, on time.perf_counter's clock; earlier still by what earlier commands took.
    """

    group: GroupFolder
    members: Sequence[Member]
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
        with sole_trainer(RunFolder(self.group.path)), stop_on_signal() as stop:
            try:
                for member in self.members:
                    if not member.is_over:
                        _check_wanted(stop, member)
                        give_back_freed_memory()  # by the seed before
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
        closing(
            wrote=[str(self.group.summary)],
            next_command=f"cifar eval {last.path}" if last else f"cifar train --config {self.group.config} --seeds N",
        )
        if self._diverged():
            raise CifarError(
                f"{self.group.path}: expected every seed's training to end, found that seed "
                f"{_listed(self._diverged())} (of {len(self.members)}) diverged; the figures are of the others. "
                f"Try a smaller optimizer.lr"
            )

    def _train_member(self, member: Member, stop: StopRequest) -> None:
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
                training = parts.training(experiment, self.splits, self.runtime)
                member.run = create_run(self.group.path.parent, f"{run_name(experiment)}-seed{member.seed}")
                self.write_summary("running")
                train_in(member.run, experiment, self.splits, training, started=begun, stop=stop)
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
        is_newest = not runs or runs[-1].path in own or _begun(group.config) > _begun(runs[-1].config)
        return group if is_newest else None
    return None


def _begun(config_file: Path) -> int:
    return config_file.stat().st_mtime_ns


def _check_alone(processes: Processes) -> None:
    if processes.size > 1:
        raise UsageError(
            f"cifar train --seeds: expected one process, found {processes.size}; leave torchrun out, or train "
            f"one seed at a time: seed=1"
        )


def _check_wanted(stop: StopRequest, member: Member) -> None:
    """Raises StoppedError where a signal came while no steps were taken: between two seeds, or in a test."""
    if stop.signal_number:
        raise StoppedError(f"stopped before seed {member.seed}", signal_number=stop.signal_number)


def _listed(seeds: Sequence[int]) -> str:
    return ", ".join(map(str, seeds))
