"""Runs a benchmark: builds its loops, warms them up, and times them in alternating rounds."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from cifar_cli import formatting
from cifar_cli.benchmark.epoch_end import time_epoch_end
from cifar_cli.benchmark.flops import step_flops
from cifar_cli.benchmark.matrix_peak import MatrixPeak, matrix_peak
from cifar_cli.benchmark.measurement import BARE, OURS, REFERENCE, WATCHED, Measurement
from cifar_cli.benchmark.references import reference_arguments
from cifar_cli.benchmark.rounds import TimedLoop, choose_rounds, choose_steps, time_rounds, time_steps
from cifar_cli.benchmark.run_in_subprocess import run_in_subprocess
from cifar_cli.benchmark.table import REFERENCES
from cifar_cli.benchmark.timed_loops import (
    StateSnapshot,
    timed_bare_loop,
    timed_training,
    timed_training_with_stopwatch,
)
from cifar_cli.builders.build_training import Training
from cifar_cli.config import Experiment
from cifar_cli.console.streams import note, warn
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.hardware import peak_memory_bytes
from cifar_cli.observers.run_records import RunRecords
from cifar_cli.runner.observers import TrainingRun, build_observers
from cifar_cli.runs.run_folder import create_run
from cifar_cli.section import load_target
from cifar_cli.training.observer import Observer
from cifar_cli.training.runtime import DTYPES, Runtime

SECONDS_TO_ESTIMATE = 0.2  # of steps after the first two, to choose the number of steps in a round
ESTIMATES = 3


@dataclass(frozen=True)
class Benchmark:
    """A training to time, and its reference by name. images_per_epoch: those of the configured dataset."""

    experiment: Experiment
    splits: Splits
    training: Training
    images_per_epoch: int
    reference: str

    @property
    def runtime(self) -> Runtime:
        return self.training.runtime

    @property
    def batch_size(self) -> int:
        return self.experiment.data.batch_size

    @property
    def parameters(self) -> int:
        return sum(parameter.numel() for parameter in self.training.state.model.parameters())


def run_benchmark(benchmark: Benchmark, *, seconds: float, max_rounds: int) -> Measurement:
    """Warms up every loop, then times the loops in alternating rounds, which take about `seconds` together."""
    training, device = benchmark.training, benchmark.runtime.device
    part_seconds: list[dict[str, float]] = []
    max_steps = len(training.task.loader)
    with _observers(benchmark) as observers, ExitStack() as processes:
        note("warming up")
        if training.task.graph_cache:
            note("the parts are those of a step without a CUDA graph; a rest below 0 is the time that the graph saves")
        loops = _loops_of_this_process(benchmark, observers, part_seconds)
        warm = {name: _warm_up(loop, device, max_steps=max_steps) for name, loop in loops.items()}
        epoch_end = time_epoch_end(training.state, training.task, observers=observers)
        memory = peak_memory_bytes(device)  # before measurements that no training needs
        flops = _step_flops(benchmark)
        peak = _matrix_peak(benchmark.runtime)
        build_reference = load_target(REFERENCES[benchmark.reference].target)
        arguments = reference_arguments(benchmark.experiment, benchmark.splits, device)
        loops[REFERENCE] = processes.enter_context(run_in_subprocess(build_reference, **arguments))
        warm[REFERENCE] = _warm_up(loops[REFERENCE], device, max_steps=max_steps)
        part_seconds.clear()
        estimates = [estimate for _, estimate in warm.values()]
        rounds = choose_rounds(seconds, max_rounds=max_rounds, seconds_per_step=estimates)
        steps = choose_steps(seconds, rounds=rounds, seconds_per_step=estimates, max_steps=max_steps)
        plan = f"{formatting.count(rounds, 'round')} of {formatting.count(steps, 'step')} of every loop"
        note(f"{plan}: about {rounds * steps * sum(estimates):.0f} s")
        step_seconds = time_rounds(loops, rounds=rounds, steps=steps, device=device, on_round=_print_round)
        # A second measurement, since other programs may have disturbed the first.
        peak = max(peak, _matrix_peak(benchmark.runtime), key=lambda found: found.flops_per_second)
    return Measurement(
        batch_size=benchmark.batch_size,
        images_per_epoch=benchmark.images_per_epoch,
        steps_per_round=steps,
        step_seconds=step_seconds,
        part_seconds=part_seconds,
        first_step_seconds={name: first for name, (first, _) in warm.items()},
        epoch_end=epoch_end,
        peak_memory_bytes=memory,
        flops_per_step=flops,
        matrix_peak=peak,
    )


def _loops_of_this_process(
    benchmark: Benchmark, observers: list[Observer], part_seconds: list[dict[str, float]]
) -> dict[str, TimedLoop]:
    """Returns our loop, our loop with a stopwatch, and the bare loop, all with the same state."""
    training, runtime = benchmark.training, benchmark.runtime
    state, task, snapshot = training.state, training.task, StateSnapshot(training.state)
    return {
        OURS: timed_training(state, task, runtime=runtime, observers=observers, snapshot=snapshot),
        WATCHED: timed_training_with_stopwatch(
            state, task, runtime=runtime, observers=observers, snapshot=snapshot, seconds=part_seconds
        ),
        BARE: timed_bare_loop(
            state,
            task,
            images=benchmark.splits.train.to(runtime.device),
            batch_size=benchmark.batch_size,
            runtime=runtime,
            snapshot=snapshot,
        ),
    }


@contextmanager
def _observers(benchmark: Benchmark) -> Iterator[list[Observer]]:
    """Yields the observers of a training at a terminal; their files are removed afterwards."""
    with (
        tempfile.TemporaryDirectory(prefix="cifar-benchmark-") as folder,
        open(os.devnull, "w", encoding="utf-8") as devnull,
        ExitStack() as stack,
    ):
        run = create_run(Path(folder), "benchmark")
        job = TrainingRun(run, benchmark.experiment, benchmark.splits, benchmark.training)
        console = Console(file=devnull, force_terminal=True, force_interactive=True)
        records = RunRecords(run, facts=job.facts, progress=job.training.state.progress, warn=warn)
        observers = build_observers(job, records, console)
        for observer in observers:
            stack.callback(observer.close)
            observer.training_started(benchmark.training.state)
        yield observers


def _warm_up(loop: TimedLoop, device: torch.device, *, max_steps: int) -> tuple[float, float]:
    """Returns the seconds of a loop's first step and an estimate of the seconds of a later step."""
    first = time_steps(loop, steps=1, device=device)
    second = time_steps(loop, steps=1, device=device)
    if second > SECONDS_TO_ESTIMATE:
        return first, second
    steps = min(int(SECONDS_TO_ESTIMATE / second), max_steps)
    # The minimum: a disturbed estimate would make all rounds too short.
    return first, min(time_steps(loop, steps=steps, device=device) for _ in range(ESTIMATES))


def _step_flops(benchmark: Benchmark) -> int:
    state, task = benchmark.training.state, benchmark.training.task
    batch = task.transform(next(iter(task.loader)), state.augment_generator)
    size = task.micro_batch_size or len(batch)  # a part, where the memory is enough for no more
    flops = step_flops(state.model, batch.images[:size], batch.targets[:size], loss_fn=task.loss)
    return benchmark.experiment.sharpness.passes * flops * len(batch) // min(size, len(batch))


def _matrix_peak(runtime: Runtime) -> MatrixPeak:
    return matrix_peak(runtime.device, DTYPES[runtime.precision])


def _print_round(seconds: Mapping[str, float]) -> None:
    speedup = seconds[REFERENCE] / seconds[OURS]
    note(f"  {1000 * seconds[OURS]:.2f} ms a step, {speedup:.2f} × as fast as the reference")
