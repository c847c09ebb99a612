"""Runs a training in its run folder: fits, tests once, and records how the run ended."""

from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from typing import Any

import numpy as np
import torch

from cifar_cli.analysis.embedding import embed
from cifar_cli.builders.build_training import Training
from cifar_cli.builders.build_transforms import build_preprocessing
from cifar_cli.builders.load_model import load_weights
from cifar_cli.builders.run_evaluation import EVAL_BATCH_SIZE, describe_loss, run_evaluation
from cifar_cli.builders.trust_model import words_for_own_model
from cifar_cli.console.result_tables import print_training_results
from cifar_cli.console.streams import note, notes, print_next_step, warn, warning_instead_of_failure
from cifar_cli.errors import (
    CheckpointError,
    CifarError,
    DivergedError,
    RunError,
    StoppedError,
    UsageError,
    out_of_memory,
)
from cifar_cli.hardware import peak_memory_bytes
from cifar_cli.observers.projector import write_projector
from cifar_cli.observers.run_records import RunRecords
from cifar_cli.optim.averages import NoAverage, evaluation_weights
from cifar_cli.runner.describe_training import announce_training
from cifar_cli.runner.observers import TrainingRun, build_observers
from cifar_cli.runs.checkpoint import load_checkpoint
from cifar_cli.shell import shell_command
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.graceful_shutdown import ShutdownRequest, graceful_shutdown
from cifar_cli.training.loop import check_finite, fit


def run_training(run: TrainingRun, *, started_at: float, shutdown: ShutdownRequest | None = None) -> dict[str, Any]:
    """Trains, evaluates the best weights on the test set once, and returns the summary; summary.json is always written.

    A run that is not to be tested ends without the evaluation. started_at: when the command started, on
    time.perf_counter's clock. shutdown: stops the training; if None, Ctrl-C, SIGTERM and SIGHUP stop it. Raises
    StoppedError for a stopped training, DivergedError for a loss that is not finite, and CifarError for anything else
    that a person can mend.
    """
    records = RunRecords(
        run.folder,
        facts=run.facts,
        progress=run.training.state.progress,
        warn=warn,
        started_at=started_at,
        compile_seconds=run.compile_seconds,
        warms_up=run.warms_up,
        stops_early=run.stops_early,
    )
    status, divergence = "failed", None
    test: Evaluation | None = None
    announce_training(run)
    all_reduce_max = run.training.runtime.processes.all_reduce_max
    try:
        # Around the test too: a signal during the test lets the run complete, which takes seconds.
        with nullcontext(shutdown) if shutdown else graceful_shutdown(all_reduce_max) as request:
            _fit(run, records, request)
            _tell_of_early_end(run)
            if run.is_tested:
                test = _test_best(run)
                with warning_instead_of_failure(hint="TensorBoard's projector is left out"):
                    _write_embeddings(run)
        status = "completed"
    except StoppedError:
        status = "interrupted"
        note(f"saved; continue with: {run.resume_command}")
        raise
    except KeyboardInterrupt as error:  # the second Ctrl-C, before the loop reacted to the first
        status = "interrupted"
        raise StoppedError(_describe_interruption(run)) from error
    except DivergedError as error:
        divergence = str(error)
        raise
    except RuntimeError as error:
        raise (_translate_torch_error(error) or error) from error
    finally:
        summary = _write_summary(run, records, status, test, error=divergence)
    return summary


def print_summary(run: TrainingRun, summary: Mapping[str, Any]) -> None:
    """Prints a finished run's results, its folder and the next command worth trying."""
    print_training_results(summary, loss=describe_loss(run.experiment))
    own_words = words_for_own_model(run.experiment.model)
    command = shell_command("cifar", "eval", run.folder.path, *own_words)
    print_next_step(wrote=[f"{run.folder.path}/"], next_command=command)


def train_as_worker(training: Training, *, seed: int) -> None:
    """Takes the same steps as the main process, which alone writes files and prints."""
    state, processes = training.state, training.runtime.processes
    # Each process draws its own dropout masks, because each sees other images.
    torch.manual_seed(int(np.random.SeedSequence([seed, processes.rank, state.progress.step]).generate_state(1)[0]))
    try:
        with graceful_shutdown(processes.all_reduce_max) as shutdown:
            fit(state, training.task, runtime=training.runtime, shutdown=shutdown)
    except RuntimeError as error:
        raise (_translate_torch_error(error) or error) from error


def _fit(run: TrainingRun, records: RunRecords, shutdown: ShutdownRequest) -> None:
    observers = build_observers(run, records, notes())
    with ExitStack() as stack:
        for observer in observers:
            stack.callback(observer.close)
        fit(run.training.state, run.training.task, runtime=run.training.runtime, observers=observers, shutdown=shutdown)


def _tell_of_early_end(run: TrainingRun) -> None:
    progress, patience = run.training.state.progress, run.experiment.train.patience
    if run.stops_early and run.stops_early(progress):
        note(
            f"stopped early after epoch {progress.epoch} of {run.experiment.train.epochs}, without a better validation "
            f"accuracy since epoch {progress.best_epoch} (train.patience {patience})"
        )


def _test_best(run: TrainingRun) -> Evaluation:
    """Returns the test result of the best epoch's weights, or of the last epoch's if no images are held out."""
    state, runtime = run.training.state, run.training.runtime
    if state.progress.best_epoch is not None:
        path = run.folder.best_checkpoint
        load_weights(state.model, load_checkpoint(path), path=path)
        state.average = NoAverage()
    with evaluation_weights(state.model, state.average):
        test = run_evaluation(run.experiment, state.model, run.splits.test, splits=run.splits, runtime=runtime)
    check_finite(test.loss, state)
    return test


def _write_embeddings(run: TrainingRun) -> None:
    """Writes the first test images for TensorBoard's projector, as the tested weights embed them.

    Test images, because neither the weights nor the choice of the epoch were fitted to them.
    """
    count = min(run.experiment.log.embeddings, len(run.splits.test))
    if not count:
        return
    images = run.splits.test.subset(torch.arange(count))
    preprocess = build_preprocessing(run.experiment, run.splits, run.training.runtime)
    state = run.training.state
    with evaluation_weights(state.model, state.average):
        batches = [embed(state.model, preprocess(batch)) for batch in images.images.split(EVAL_BATCH_SIZE)]
    write_projector(
        run.folder,
        vectors=torch.cat([vectors for vectors, _ in batches]).cpu(),
        images=images.images.cpu(),
        labels=images.labels.cpu(),
        logits=torch.cat([logits for _, logits in batches]).cpu(),
        class_names=images.class_names,
    )


def _describe_interruption(run: TrainingRun) -> str:
    """Returns the message for a training that was stopped before it could save."""
    try:
        progress = load_checkpoint(run.folder.last_checkpoint)["progress"]
    except CheckpointError:
        # A group starts this seed again; a single run is not there to resume.
        mend = f"; continue with: {run.resume_command}" if run.group else ""
        return f"stopped at once, before anything was saved{mend}"
    return (
        f"stopped at once; the last checkpoint was saved after epoch {progress['epoch']}, step {progress['step']}, and "
        f"later steps are lost; continue with: {run.resume_command}"
    )


def _translate_torch_error(error: RuntimeError) -> CifarError | None:
    """Returns torch's error as an error that a person can mend, None if it is not known to be one."""
    if memory_error := out_of_memory(error):
        return memory_error
    if "deterministic" in str(error):
        reason = str(error).partition(". ")[0]
        return UsageError(f"train.deterministic: {reason}; leave it out, or use train.device=cpu")
    if "capturing" in str(error):
        reason = str(error).partition("\n")[0]
        return UsageError(f"train.cuda_graphs: a step cannot be captured: {reason}; write train.cuda_graphs=false")
    return None


def _write_summary(
    run: TrainingRun, records: RunRecords, status: str, test: Evaluation | None, *, error: str | None
) -> dict[str, Any]:
    """Writes and returns the summary. If a failed run's summary cannot be written, warns and returns {}."""
    memory = peak_memory_bytes(run.training.runtime.device)
    try:
        return records.write_summary(status, test=test, peak_memory_bytes=memory, error=error)
    except RunError as unwritten:
        if status == "completed":
            raise
        # The error that ended the training, perhaps the same full disk, must not be hidden by this one.
        warn(f"the run's status, {status}, could not be written down either: {unwritten}")
        return {}
