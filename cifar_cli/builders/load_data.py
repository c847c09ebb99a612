"""Loads an experiment's images, and warns if they are a fallback or synthetic."""

from collections.abc import Callable
from functools import partial
from pathlib import Path

from cifar_cli.config import Experiment
from cifar_cli.config.schema import on_dataset
from cifar_cli.console.decode_bar import decode_bar
from cifar_cli.console.download_bar import download_bar
from cifar_cli.console.streams import note, warn
from cifar_cli.data.datasets.open_dataset import Splits, open_dataset
from cifar_cli.data.download.checksums import DamagedFileError, MissingFileError
from cifar_cli.distributed.process_group import SINGLE_PROCESS, ProcessGroup
from cifar_cli.errors import DataError, RunError
from cifar_cli.runs.json_files import read_json

FALLBACK_DEADLINE_SECONDS = 60  # the longest that a first run waits for a download


def load_data(
    experiment: Experiment,
    processes: ProcessGroup = SINGLE_PROCESS,
    *,
    environment: Path | None = None,
    download: bool = True,
) -> tuple[Experiment, Splits]:
    """Returns the experiment and its images, downloaded if necessary.

    environment: the env.json of a run that is opened again; its images are found from any working directory. download:
    false for a dry run, which writes nothing. Without `environment`, a training begins, and says how its images are
    split if no publisher did that; the run keeps that split.

    With data.fallback, another dataset is used if the data is missing and cannot be downloaded quickly. The returned
    experiment names the dataset in use and has no fallback, so that a resumed run uses the same images. Of several
    processes, the main one downloads and decides. Raises DataError if there is no data.
    """
    open_ = partial(_open, recorded=_recorded_root(environment), download=download)
    if processes.is_main:
        experiment, splits = _open_or_fall_back(experiment, open_)
        _comment_on(splits, experiment, is_new=environment is None)
        processes.broadcast(experiment.data.name)
    else:
        experiment = _on_dataset(experiment, processes.broadcast(experiment.data.name))
        splits = open_(experiment, deadline_seconds=None)
    experiment = _on_dataset(experiment, experiment.data.name)
    if experiment.data.is_own:  # kept in the run, so that an evaluation and a resumed training normalize as this one
        measured = {"mean": splits.mean, "std": splits.std}
        experiment = experiment.model_copy(update={"data": experiment.data.model_copy(update=measured)})
    return experiment, splits


def _recorded_root(environment: Path | None) -> Path | None:
    """Returns the folder in which a run found its images, None if it is not known."""
    try:
        recorded = read_json(environment).get("data_root") if environment is not None else None
    except RunError as error:
        warn(f"{error}\nlooking for the images without it")
        return None
    return Path(recorded) if isinstance(recorded, str) and Path(recorded).is_absolute() else None


def _open_or_fall_back(experiment: Experiment, open_: Callable[..., Splits]) -> tuple[Experiment, Splits]:
    try:
        splits = open_(experiment, deadline_seconds=FALLBACK_DEADLINE_SECONDS if experiment.data.fallback else None)
    except DataError as error:
        if experiment.data.fallback is None or experiment.data.is_own:  # nothing stands for a person's own images
            raise
        warn(f"{error}\nUsing the {experiment.data.fallback} set instead")
        experiment = _on_dataset(experiment, experiment.data.fallback)
        splits = open_(experiment, deadline_seconds=None)
    return experiment, splits


def _comment_on(splits: Splits, experiment: Experiment, *, is_new: bool) -> None:
    if is_new:
        for text in splits.notes:
            note(text)
    for text in splits.warnings:
        warn(text)
    if experiment.data.is_synthetic:
        warn("these are SYNTHETIC images, drawn by this program; accuracies on them say nothing about CIFAR-10")


def _open(experiment: Experiment, *, deadline_seconds: float | None, recorded: Path | None, download: bool) -> Splits:
    data = experiment.data
    try:
        with download_bar() as report, decode_bar() as on_decoded:
            return open_dataset(
                data.name,
                root=data.root,
                mirrors=data.mirrors,
                val_size=data.val_size,
                recorded=recorded,
                download=download,
                deadline_seconds=deadline_seconds,
                report=report,
                own_keys=data.own_keys,
                on_decoded=on_decoded,
            )
    except (MissingFileError, DamagedFileError) as error:
        if download:
            raise
        raise DataError(f"{error}; this command downloads and unpacks nothing") from error


def _on_dataset(experiment: Experiment, name: str) -> Experiment:
    """Returns the experiment on the dataset `name`, which has the same shape, without a fallback."""
    if name == experiment.data.name:
        data = experiment.data.model_copy(update={"fallback": None})
        return experiment.model_copy(update={"data": data})
    return experiment.model_copy(update={"data": on_dataset(experiment.data, name, fallback=None)})
