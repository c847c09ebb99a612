"""Trains a trial as an ordinary run that never reads the test set, and reports each epoch's validation accuracy."""

import shutil
import time
import traceback
from dataclasses import replace
from multiprocessing.connection import Connection
from pathlib import Path

from cifar_cli.builders.build_training import build_runtime, build_training
from cifar_cli.builders.feature_layers import without_unknown_feature_layers
from cifar_cli.builders.load_data import load_data
from cifar_cli.config import Experiment
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.image_set import ImageSet
from cifar_cli.errors import CifarError, DivergedError, StoppedError
from cifar_cli.kernels.memory_allocator import release_freed_memory
from cifar_cli.runner.observers import EXTRA_OBSERVERS, TrainingRun
from cifar_cli.runner.resume import resume_with_images
from cifar_cli.runner.start import start_run
from cifar_cli.runs.json_files import read_json
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.runs.run_lock import is_locked
from cifar_cli.runs.run_state import read_run_state
from cifar_cli.runs.trial_record import COMPLETE, DIVERGED, FAILED, PRUNED
from cifar_cli.sweep.space import SearchSpace
from cifar_cli.sweep.trial_messages import INTERRUPTED, TrialEpoch, TrialOrder, TrialResult, WorkerSettings
from cifar_cli.training.graceful_shutdown import ShutdownRequest
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState

SECONDS_FOR_A_KILLED_SWEEP = 20.0  # an import, or a large convolution, keeps a process from ending
PRUNING = 0xFF  # in the place of a signal's number: the request to stop comes from the pruner


class EpochReporter(Observer):
    """Sends each epoch's validation accuracy to the coordinating process, and stops the training if it says so."""

    def __init__(self, number: int, *, epochs: int, channel: Connection, shutdown: ShutdownRequest) -> None:
        self._number = number
        self._epochs = epochs
        self._channel = channel
        self._shutdown = shutdown
        self.is_pruned = False

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        assert report.val_accuracy is not None
        self._channel.send(TrialEpoch(self._number, report.epoch, report.val_accuracy))
        is_to_be_pruned = bool(self._channel.recv())
        # A trial at its end is complete; one that is being stopped goes on later.
        if is_to_be_pruned and report.epoch < self._epochs and not self._shutdown.signal_number:
            self.is_pruned = True
            self._shutdown.signal_number = PRUNING


class TrialTrainer:
    """Trains trials of one search space, on images that are opened once.

    environment: the sweep's env.json; channel: takes a TrialEpoch, and answers whether to prune.
    """

    def __init__(self, space: SearchSpace, *, environment: Path, channel: Connection) -> None:
        self._space = space
        self._environment = environment
        self._channel = channel
        self._splits: Splits | None = None

    def train(self, order: TrialOrder, shutdown: ShutdownRequest) -> TrialResult:
        """Trains a trial, from its last checkpoint if there is one, and returns how it ended."""
        started_at = time.perf_counter()
        run = RunFolder(order.run)
        try:
            experiment, splits = self._prepare(order)
            reporter = EpochReporter(
                order.number, epochs=experiment.train.epochs, channel=self._channel, shutdown=shutdown
            )
            EXTRA_OBSERVERS.append(reporter)
            try:
                self._train(run, experiment, splits, started_at=started_at, shutdown=shutdown)
            finally:
                EXTRA_OBSERVERS.remove(reporter)
                release_freed_memory()
        except StoppedError:
            if reporter.is_pruned:
                shutdown.signal_number = None
            return _result(order, PRUNED if reporter.is_pruned else INTERRUPTED)
        except DivergedError as error:
            return _result(order, DIVERGED, error=str(error))
        except CifarError as error:
            return _result(order, FAILED, error=str(error))
        return _result(order, COMPLETE)

    def _prepare(self, order: TrialOrder) -> tuple[Experiment, Splits]:
        experiment = without_unknown_feature_layers(self._space.variant(order.values).experiment)
        if self._splits is None:
            _, splits = load_data(experiment, environment=self._environment)
            # Nothing of a trial can look at the test images: there are none.
            self._splits = replace(splits, test=_none_of(splits.test))
        return experiment, self._splits

    def _train(
        self, run: RunFolder, experiment: Experiment, splits: Splits, *, started_at: float, shutdown: ShutdownRequest
    ) -> None:
        runtime = build_runtime(experiment)
        _wait_for_lock(run)
        if run.last_checkpoint.is_file():
            state = read_run_state(run)
            if state.is_complete:  # the process was killed before it had said so
                return
            if state.error is not None:
                raise DivergedError(state.error)
            resume_with_images(
                run,
                experiment=experiment,
                splits=splits,
                runtime=runtime,
                started_at=started_at,
                shutdown=shutdown,
                is_tested=False,
            )
            return
        if run.path.exists():  # of a process that was killed before it had saved anything
            shutil.rmtree(run.path)
        training = build_training(experiment, splits, runtime)
        run.last_checkpoint.parent.mkdir(parents=True)
        start_run(
            TrainingRun(run, experiment, splits, training, is_tested=False), started_at=started_at, shutdown=shutdown
        )


def serve_trials(channel: Connection, settings: WorkerSettings, shutdown: ShutdownRequest) -> None:
    """Trains the trials that come through the channel, and answers each with a TrialResult, until it is closed.

    shutdown: stops the trial that is being trained.
    """
    trainer = TrialTrainer(settings.space, environment=settings.environment, channel=channel)
    while True:
        try:
            order: TrialOrder = channel.recv()
        except (EOFError, OSError):
            return
        try:
            result = trainer.train(order, shutdown)
        except Exception as error:  # whatever a combination of values brings about, the other trials go on
            traceback.print_exc()
            result = _result(order, FAILED, error=f"{type(error).__name__}: {error}")
        channel.send(result)


def _wait_for_lock(run: RunFolder) -> None:
    """Waits a while for a process that trains the run: a killed sweep's worker needs a moment to notice."""
    ends_at = time.monotonic() + SECONDS_FOR_A_KILLED_SWEEP
    while is_locked(run) and time.monotonic() < ends_at:
        time.sleep(0.1)


def _none_of(images: ImageSet) -> ImageSet:
    return replace(images, images=images.images[:0].clone(), labels=images.labels[:0].clone())


def _result(order: TrialOrder, outcome: str, *, error: str | None = None) -> TrialResult:
    summary = read_json(RunFolder(order.run).summary)
    return TrialResult(
        order.number,
        outcome,
        val_accuracy=(summary.get("val") or {}).get("accuracy"),
        epochs=int(summary.get("epochs") or 0),
        seconds=float(summary.get("wall_seconds") or 0.0),
        error=error,
    )
