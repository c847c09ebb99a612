"""Carries a training out in its run folder: watched, locked, tested once, and with an end that a script can read."""

from collections.abc import Mapping
from contextlib import ExitStack, nullcontext
from typing import Any

import numpy as np
import torch

from cifar_cli.analysis.embedding import embed
from cifar_cli.builders.build_training import Training
from cifar_cli.builders.build_transforms import build_preprocessing
from cifar_cli.builders.load_model import load_weights
from cifar_cli.builders.run_evaluation import EVAL_BATCH_SIZE, run_evaluation
from cifar_cli.console.result_tables import print_training_results
from cifar_cli.console.streams import note, notes, print_next_step, warn
from cifar_cli.errors import CheckpointError, CifarError, DivergedError, RunError, StoppedError, UsageError
from cifar_cli.hardware import peak_memory_bytes
from cifar_cli.observers.projector import write_projector
from cifar_cli.observers.run_records import RunRecords
from cifar_cli.optim.averages import NoAverage, evaluation_weights
from cifar_cli.optim.reported_lr import configured_lr
from cifar_cli.runner.describe_schedule import describe_epochs, describe_hard_examples
from cifar_cli.runner.observers import TrainingRun, build_observers
from cifar_cli.runs.checkpoint import load_checkpoint
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.graceful_shutdown import ShutdownRequest, graceful_shutdown
from cifar_cli.training.loop import check_finite, fit
from cifar_cli.training.runtime import Runtime


def run_training(job: TrainingRun, *, started: float, stop: ShutdownRequest | None = None) -> dict[str, Any]:
    """Fits, asks the test set once, and returns the summary, which says whatever happens how it ended.

    started: when the command began, on time.perf_counter's clock; stop: asks for an end, as signals do without it.
    """
    records = RunRecords(job.run, facts=job.facts, started=started, warms_up=job.warms_up)
    status, diverged = "failed", None
    test: Evaluation | None = None
    _announce(job)
    try:
        # Around the test too: a signal that comes so late lets the run complete, which takes seconds.
        with nullcontext(stop) if stop else graceful_shutdown(job.training.runtime.processes.all_reduce_max) as wish:
            _fit(job, records, wish)
            test = _test_best(job)
            _write_embeddings(job)
        status = "completed"
    except StoppedError:
        status = "interrupted"
        note(f"saved; continue with: cifar train --resume {job.run.path}")
        raise
    except KeyboardInterrupt as error:  # the second Ctrl-C, before the first one was granted
        status = "interrupted"
        raise StoppedError(_describe_interruption(job.run)) from error
    except DivergedError as error:
        diverged = str(error)
        raise
    except RuntimeError as error:
        raise (_translate_torch_error(error) or error) from error
    finally:
        summary = _summarize(job, records, status, test, error=diverged)
    return summary


def print_summary(run: RunFolder, summary: Mapping[str, Any]) -> None:
    """Ends the command with what came of a training."""
    print_training_results(summary)
    print_next_step(wrote=[f"{run.path}/"], next_command=f"cifar eval {run.path}")


def train_as_worker(training: Training, *, seed: int) -> None:
    """Takes the same steps as the main process, which alone writes and tells."""
    state, processes = training.state, training.runtime.processes
    # Other dropout masks than the main process's, for other images.
    torch.manual_seed(int(np.random.SeedSequence([seed, processes.rank, state.progress.step]).generate_state(1)[0]))
    try:
        with graceful_shutdown(processes.all_reduce_max) as stop:
            fit(state, training.task, runtime=training.runtime, stop=stop)
    except RuntimeError as error:
        raise (_translate_torch_error(error) or error) from error


def _fit(job: TrainingRun, records: RunRecords, stop: ShutdownRequest) -> None:
    observers = build_observers(job, records, notes())
    with ExitStack() as stack:
        for observer in observers:
            stack.callback(observer.close)
        fit(job.training.state, job.training.task, runtime=job.training.runtime, observers=observers, stop=stop)


def _test_best(job: TrainingRun) -> Evaluation:
    """Asks the test set, this once, about the best epoch's weights, or the last's where nothing was held out."""
    state = job.training.state
    if state.progress.best_epoch is not None:
        path = job.run.best_checkpoint
        load_weights(state.model, load_checkpoint(path), path=path)
        state.average = NoAverage()
    with evaluation_weights(state.model, state.average):
        test = run_evaluation(
            job.experiment, state.model, job.splits.test, splits=job.splits, runtime=job.training.runtime
        )
    check_finite(test.loss, state)
    return test


def _write_embeddings(job: TrainingRun) -> None:
    """Writes for the projector where the weights just tested see the first test images; nothing is chosen by it.

    Test images, as those are the ones that neither the weights nor the choice of the epoch were fitted to.
    """
    count = min(job.experiment.log.embeddings, len(job.splits.test))
    if not count:
        return
    shown = job.splits.test.subset(torch.arange(count))
    prepare = build_preprocessing(job.experiment, job.splits, job.training.runtime)
    state = job.training.state
    with evaluation_weights(state.model, state.average):
        batches = [embed(state.model, prepare(images)) for images in shown.images.split(EVAL_BATCH_SIZE)]
    write_projector(
        job.run,
        vectors=torch.cat([vectors for vectors, _ in batches]).cpu(),
        images=shown.images.cpu(),
        labels=shown.labels.cpu(),
        logits=torch.cat([logits for _, logits in batches]).cpu(),
        class_names=shown.class_names,
    )


def _describe_interruption(run: RunFolder) -> str:
    """Returns what to say of a training that was stopped before it could save."""
    try:
        progress = load_checkpoint(run.last_checkpoint)["progress"]
    except CheckpointError:
        return "stopped at once, before anything was saved"
    return (
        f"stopped at once; the last checkpoint was saved after epoch {progress['epoch']}, step {progress['step']}, and "
        f"later steps are lost; continue with: cifar train --resume {run.path}"
    )


def _translate_torch_error(error: RuntimeError) -> CifarError | None:
    """Returns what torch could not do as an error that a person can mend, None where it is something else."""
    if isinstance(error, torch.OutOfMemoryError):
        return CifarError("the device has not enough memory for this training; try a smaller data.batch_size")
    if "deterministic" in str(error):
        reason = str(error).partition(". ")[0]
        return UsageError(f"train.deterministic: {reason}; leave it out, or use train.device=cpu")
    if "capturing" in str(error):
        reason = str(error).partition("\n")[0]
        return UsageError(f"train.cuda_graphs: a step cannot be recorded: {reason}; write train.cuda_graphs=false")
    return None


def _summarize(
    job: TrainingRun, records: RunRecords, status: str, test: Evaluation | None, *, error: str | None
) -> dict[str, Any]:
    memory = peak_memory_bytes(job.training.runtime.device)
    try:
        return records.write_summary(status, test=test, peak_memory_bytes=memory, error=error)
    except RunError as unwritten:
        if status == "completed":
            raise
        # What stopped the training is about to be told, and may be the same full disk; it must not be hidden.
        warn(f"the run's status, {status}, could not be written down either: {unwritten}")
        return {}


def _announce(job: TrainingRun) -> None:
    experiment, splits, training, facts = job.experiment, job.splits, job.training, job.facts
    held_out = f"{len(splits.val):,} validation" if splits.val else "no validation"
    note(
        f"{experiment.name}: {experiment.model.name} with {facts['parameters']:,} parameters on {experiment.data.name} "
        f"({len(splits.train):,} training, {held_out}, {len(splits.test):,} test images)"
    )
    note(
        f"{describe_epochs(training)}, batch {experiment.data.batch_size}, "
        f"{experiment.optimizer.name} at lr {configured_lr(training.state.scheduler).value:g}, seed {experiment.seed}; "
        f"{training.runtime.device_name}, {training.runtime.precision}"
    )
    if hard_examples := describe_hard_examples(experiment):
        note(hard_examples)
    hint = hint_at_more_gpus(training.runtime, count=torch.cuda.device_count())
    if hint:
        note(hint)
    note(f"writing to {job.run.path}/ (watch it: tensorboard --logdir {job.run.path.parent})")


def hint_at_more_gpus(runtime: Runtime, *, count: int) -> str | None:
    """Returns how to use all of a machine's `count` GPUs, None where none is idle."""
    if runtime.device.type != "cuda" or runtime.processes.size > 1 or count < 2:
        return None
    return (
        f"one of this machine's {count} GPUs is used; for all of them write "
        f"torchrun --nproc-per-node {count} -m cifar_cli train in the place of cifar train"
    )
