"""Times the end of an epoch: the validation, and the logging of the observers."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from cifar_cli.training.loop import Task
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState

REPEATS = 3


@dataclass(frozen=True)
class EpochEnd:
    """Seconds at the end of an epoch. validation: None if no images are held out."""

    logging: float
    validation: float | None


def time_epoch_end(state: TrainingState, task: Task, *, observers: Sequence[Observer]) -> EpochEnd:
    """Validates the network once, and lets the observers log REPEATS example epochs, each as the best so far.

    The seconds of logging are the median.
    """
    started = time.perf_counter()
    val = task.validate() if task.validate else None
    validation = time.perf_counter() - started if val else None
    logging = []
    for epoch in range(1, REPEATS + 1):
        state.progress.epoch = state.progress.best_epoch = epoch
        report = _example_report(epoch, is_validated=val is not None)
        started = time.perf_counter()
        for observer in observers:
            if val:
                observer.validated(state, val)
            observer.epoch_ended(state, report)
        logging.append(time.perf_counter() - started)
    return EpochEnd(logging=median(logging), validation=validation)


def _example_report(epoch: int, *, is_validated: bool) -> EpochReport:
    return EpochReport(
        epoch=epoch,
        step=epoch,
        lr=0.1,
        train_loss=1.0,
        train_accuracy=0.5,
        val_loss=1.0 if is_validated else None,
        val_accuracy=0.5 if is_validated else None,
        images_per_second=1.0,
        seconds=1.0,
    )
