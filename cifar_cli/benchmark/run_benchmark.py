"""Puts the loops of a benchmark together from a configuration's parts, and has them timed. Tells progress only."""

import os
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

import torch
from rich.console import Console

from cifar_cli.benchmark.contenders import StartingPoint, by_hand, our_loop, our_loop_watched
from cifar_cli.benchmark.epoch_end import time_epoch_end
from cifar_cli.benchmark.flops import step_flops
from cifar_cli.benchmark.matrix_peak import MatrixPeak, matrix_peak
from cifar_cli.benchmark.measurement import BARE, OURS, REFERENCE, WATCHED, Measurement
from cifar_cli.benchmark.references import REFERENCES, arguments
from cifar_cli.benchmark.rounds import Contender, alternate, rounds_for, steps_for, time_steps
from cifar_cli.benchmark.run_in_subprocess import run_in_subprocess
from cifar_cli.builders.build_training import Training
from cifar_cli.config import Experiment
from cifar_cli.console.streams import note
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.hardware import peak_memory_bytes
from cifar_cli.observers.run_records import RunRecords
from cifar_cli.runner.observers import TrainingRun, build_observers
from cifar_cli.runs.run_folder import create_run
from cifar_cli.training.observer import Observer
from cifar_cli.training.runtime import DTYPES, Runtime

SECONDS_TO_ESTIMATE = 0.2  # of steps after the first two, to choose how many make a round
ESTIMATES = 3


@dataclass(frozen=True)
class BenchmarkSubject:
    """What is measured, and against what. images_per_epoch: of the configuration's data, whatever stands in for it."""

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


def run_benchmark(subject: BenchmarkSubject, *, seconds: float, rounds: int) -> Measurement:
    """Warms every loop up, then times them in turns for about so many seconds, in `rounds` rounds at most."""
    training, device = subject.training, subject.runtime.device
    part_seconds: list[dict[str, float]] = []
    most_steps = len(training.task.loader)
    with _observers(subject) as observers, ExitStack() as processes:
        note("warming up")
        if training.task.graph_cache:
            note("a step's parts are those of one that is not recorded; a rest below 0 is what recording saves")
        contenders = _in_this_process(subject, observers, part_seconds)
        warm = {name: _warm_up(one, device, most=most_steps) for name, one in contenders.items()}
        epoch_end = time_epoch_end(training.state, training.task, observers=observers)
        memory = peak_memory_bytes(device)  # before anything is measured that no training needs
        flops = _flops(subject)
        peak = _matrix_peak(subject.runtime)
        contenders[REFERENCE] = processes.enter_context(
            run_in_subprocess(REFERENCES[subject.reference], **arguments(subject.experiment, subject.splits, device))
        )
        warm[REFERENCE] = _warm_up(contenders[REFERENCE], device, most=most_steps)
        part_seconds.clear()
        estimates = [estimate for _, estimate in warm.values()]
        rounds = rounds_for(seconds, most=rounds, seconds_per_step=estimates)
        steps = steps_for(seconds, rounds=rounds, seconds_per_step=estimates, most=most_steps)
        note(f"{rounds} rounds of {steps:,} steps of every loop: about {rounds * steps * sum(estimates):.0f} s")
        step_seconds = alternate(contenders, rounds=rounds, steps=steps, device=device, each_round=_tell)
        # Again: whatever disturbed the machine the first time, a ceiling is the highest that was seen.
        peak = max(peak, _matrix_peak(subject.runtime), key=lambda found: found.flops_per_second)
    return Measurement(
        batch_size=subject.batch_size,
        images_per_epoch=subject.images_per_epoch,
        steps_per_round=steps,
        step_seconds=step_seconds,
        part_seconds=part_seconds,
        first_step_seconds={name: first for name, (first, _) in warm.items()},
        epoch_end=epoch_end,
        peak_memory_bytes=memory,
        flops_per_step=flops,
        matrix_peak=peak,
    )


def _in_this_process(
    subject: BenchmarkSubject, observers: list[Observer], part_seconds: list[dict[str, float]]
) -> dict[str, Contender]:
    """Returns our loop as it is, the same with a stopwatch, and the bare one, all of them on one and the same state."""
    training, runtime = subject.training, subject.runtime
    state, task, start = training.state, training.task, StartingPoint(training.state)
    return {
        OURS: our_loop(state, task, runtime=runtime, observers=observers, start=start),
        WATCHED: our_loop_watched(state, task, runtime=runtime, observers=observers, start=start, seconds=part_seconds),
        BARE: by_hand(
            state,
            task,
            images=subject.splits.train.to(runtime.device),
            batch_size=subject.batch_size,
            runtime=runtime,
            start=start,
        ),
    }


@contextmanager
def _observers(subject: BenchmarkSubject) -> Iterator[list[Observer]]:
    """Within it, everything observes that observes a training, as at a terminal; what it writes is removed."""
    with (
        tempfile.TemporaryDirectory(prefix="cifar-benchmark-") as folder,
        open(os.devnull, "w", encoding="utf-8") as nowhere,
        ExitStack() as stack,
    ):
        run = create_run(Path(folder), "benchmark")
        job = TrainingRun(run, subject.experiment, subject.splits, subject.training)
        console = Console(file=nowhere, force_terminal=True, force_interactive=True)
        observers = build_observers(job, RunRecords(run, facts=job.facts), console)
        for observer in observers:
            stack.callback(observer.close)
            observer.training_started(subject.training.state)
        yield observers


def _warm_up(contender: Contender, device: torch.device, *, most: int) -> tuple[float, float]:
    """Returns the seconds of a contender's very first step and, roughly, of a later one."""
    first = time_steps(contender, steps=1, device=device)
    second = time_steps(contender, steps=1, device=device)
    if second > SECONDS_TO_ESTIMATE:
        return first, second
    enough = min(int(SECONDS_TO_ESTIMATE / second), most)
    # The least of a few: one that something disturbed would make all rounds too short.
    return first, min(time_steps(contender, steps=enough, device=device) for _ in range(ESTIMATES))


def _flops(subject: BenchmarkSubject) -> int:
    state, task = subject.training.state, subject.training.task
    batch = task.transform(next(iter(task.loader)), state.augment_generator)
    return step_flops(state.model, batch.images, batch.targets, loss_fn=task.loss)


def _matrix_peak(runtime: Runtime) -> MatrixPeak:
    return matrix_peak(runtime.device, DTYPES[runtime.precision])


def _tell(seconds: Mapping[str, float]) -> None:
    times = seconds[REFERENCE] / seconds[OURS]
    note(f"  {1000 * seconds[OURS]:.2f} ms a step, {times:.2f} × as fast as the reference")
