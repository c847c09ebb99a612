"""Opens the images an experiment asks for, and says so when they are not the real thing."""

from cifar_cli.config import Experiment
from cifar_cli.config.schema import on_dataset
from cifar_cli.console.download_bar import download_bar
from cifar_cli.console.streams import warn
from cifar_cli.data.datasets.open_dataset import Splits, open_dataset
from cifar_cli.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from cifar_cli.errors import DataError

FALLBACK_DEADLINE_SECONDS = 60  # a first run waits no longer than this for a download


def load_data(experiment: Experiment, processes: ProcessGroup = SINGLE_PROCESS) -> tuple[Experiment, Splits]:
    """Returns the experiment with its images, downloaded if need be.

    With data.fallback, data that is not there and cannot quickly be had is replaced. The experiment returned then says
    so, and has no fallback any more: what was begun on some images is gone on with on the same. Of several processes
    the main one downloads and decides. Raises DataError where there is no data.
    """
    if processes.is_main:
        experiment, splits = _open_or_fall_back(experiment)
        processes.broadcast(experiment.data.name)
    else:
        experiment = _decided(experiment, processes.broadcast(experiment.data.name))
        splits = _open(experiment, deadline_seconds=None)
    return _decided(experiment, experiment.data.name), splits


def _open_or_fall_back(experiment: Experiment) -> tuple[Experiment, Splits]:
    try:
        splits = _open(experiment, deadline_seconds=FALLBACK_DEADLINE_SECONDS if experiment.data.fallback else None)
    except DataError as error:
        if experiment.data.fallback is None:
            raise
        warn(f"{error}\nGoing on without it, on the {experiment.data.fallback} set")
        experiment = _decided(experiment, experiment.data.fallback)
        splits = _open(experiment, deadline_seconds=None)
    if experiment.data.name == "synthetic":
        warn("these are SYNTHETIC images, drawn by this program; accuracies on them say nothing about CIFAR-10")
    return experiment, splits


def _open(experiment: Experiment, *, deadline_seconds: float | None) -> Splits:
    data = experiment.data
    with download_bar() as report:
        return open_dataset(
            data.name,
            root=data.root,
            mirrors=data.mirrors,
            val_size=data.val_size,
            deadline_seconds=deadline_seconds,
            report=report,
        )


def _decided(experiment: Experiment, name: str) -> Experiment:
    """Returns the experiment on that dataset, of the same shape, and on no other."""
    return experiment.model_copy(update={"data": on_dataset(experiment.data, name, fallback=None)})
