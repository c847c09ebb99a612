"""The training of a group of seeds, one after the other, with its statistics at the end."""

import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from cifar_cli.builders.build_training import build_training
from cifar_cli.builders.initial_weights import InitialWeights
from cifar_cli.builders.trust_model import words_for_own_model
from cifar_cli.config import Experiment
from cifar_cli.console.seed_tables import describe_test, print_group_results
from cifar_cli.console.streams import note, print_next_step, warn
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.errors import CifarError, DivergedError, StoppedError
from cifar_cli.kernels.memory_allocator import release_freed_memory
from cifar_cli.runner.observers import TrainingRun
from cifar_cli.runner.resume import resume_with_images
from cifar_cli.runner.start import run_name, start_run
from cifar_cli.runs.json_files import write_json
from cifar_cli.runs.run_folder import RunFolder, create_run
from cifar_cli.runs.run_lock import run_lock
from cifar_cli.runs.seed_group import GroupFolder, SeedRun, summarize
from cifar_cli.shell import shell_command
from cifar_cli.training.graceful_shutdown import ShutdownRequest, graceful_shutdown
from cifar_cli.training.runtime import Runtime


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
                f"{self.group.path}: expected every seed's training to end, found that seed {join_seeds(diverged)} "
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


def join_seeds(seeds: Iterable[int]) -> str:
    return ", ".join(map(str, seeds))
