"""Opens a dataset by name: downloads missing files, reads the images and splits off the validation images."""

import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cifar_cli.data.data_root import data_root
from cifar_cli.data.datasets.decoded_images import OnDecoded
from cifar_cli.data.datasets.locate import holds_dataset, locate_root
from cifar_cli.data.datasets.source import DatasetSource
from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.data.download.checksums import DamagedFileError, MissingFileError
from cifar_cli.data.download.download import DownloadError, NullReport, Report
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.split import stratified_split
from cifar_cli.errors import DataError, UsageError, did_you_mean
from cifar_cli.section import load_target


@dataclass(frozen=True)
class Splits:
    """A dataset's splits. mean, std: per channel, pixels in [0, 1]; root: None for a dataset without files.

    notes: how the images were split, where no publisher did that; warnings: what was left out.
    """

    train: ImageSet
    val: ImageSet | None
    test: ImageSet
    mean: tuple[float, ...]
    std: tuple[float, ...]
    root: Path | None
    notes: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()


NO_KEYS: Mapping[str, object] = {}
KEPT_FOLDER = "decoded"  # below the folder of the datasets: pixels of a person's own images


def dataset_root(name: str, root: str | Path | None, *, recorded: Path | None = None) -> Path:
    """Returns the folder to read and fetch a dataset in, wherever in it `root` points.

    recorded: where a run found its images. The images there are read if there are none at `root`, which may be relative
    to another working directory; after that come $CIFAR_DATA_DIR and ./data. Nothing is downloaded into `recorded`.
    """
    source, first = find_dataset(name), data_root(root)
    if source.fetch is None:
        return first
    first = locate_root(first, source)
    others = [recorded, data_root(None)] if recorded is not None else []
    for candidate in (first, *others):
        if candidate is not None and holds_dataset(located := locate_root(candidate, source), source):
            return located
    return first


def open_dataset(
    name: str,
    *,
    root: str | Path | None = None,
    mirrors: Sequence[str] = (),
    val_size: int = 0,
    recorded: Path | None = None,
    download: bool = True,
    deadline_seconds: float | None = None,
    report: Report | None = None,
    own_keys: Mapping[str, object] = NO_KEYS,
    on_decoded: OnDecoded | None = None,
) -> Splits:
    """Returns a dataset's training, validation (None if `val_size` is 0) and test images.

    Fetches missing and damaged files first if `download` is true, within `deadline_seconds`; without it, nothing is
    written. recorded: see `dataset_root`; own_keys: the keys of `data` that only this dataset has; on_decoded: receives
    the progress with a person's own images. Raises DataError if files are missing or damaged and cannot be fetched.
    """
    if name in DATASETS and DATASETS[name].is_own:
        kept_folder = data_root(None) / KEPT_FOLDER
        open_own: Callable[..., Splits] = load_target(DATASETS[name].target)
        keys = {**own_keys, "val_size": val_size}
        return open_own(root, kept_folder=kept_folder, writes=download, on_decoded=on_decoded, **keys)
    source, facts = find_dataset(name), DATASETS[name]
    folder = dataset_root(name, root, recorded=recorded)
    try:
        train, test = source.read(folder)
    except (MissingFileError, DamagedFileError) as error:
        if not download:
            raise
        if isinstance(error, DamagedFileError):
            (report or NullReport()).note(f"{str(error).partition('; ')[0]}; it is fetched anew")
        fetch_dataset(name, root=folder, mirrors=mirrors, deadline_seconds=deadline_seconds, report=report)
        train, test = source.read(folder)
    train_indices, val_indices = stratified_split(train.labels, val_size=val_size, num_classes=len(train.class_names))
    val = train.subset(val_indices) if val_size else None
    if val_size:
        train = train.subset(train_indices)
    return Splits(train, val, test, facts.mean, facts.std, folder if source.fetch else None)


def fetch_dataset(
    name: str,
    *,
    root: Path,
    mirrors: Sequence[str] = (),
    deadline_seconds: float | None = None,
    report: Report | None = None,
) -> None:
    """Fetches a dataset's missing or damaged files. Tries `mirrors` first, then $CIFAR_MIRROR, then the known mirrors.

    Raises DataError with the attempts and three ways out.
    """
    source = find_dataset(name)
    if source.fetch is None:
        return
    try:
        source.fetch(root, mirrors=[*mirrors, *own_mirrors()], deadline_seconds=deadline_seconds, report=report)
    except DownloadError as error:
        raise DataError(
            f"{error}\n"
            "Three ways out:\n"
            f"  - copy {source.copy} from another machine into {root.absolute()}, or name the folder that has it: "
            "CIFAR_DATA_DIR=FOLDER\n"
            f"  - name a mirror that can be reached: CIFAR_MIRROR={source.example_mirror}, or data.mirrors\n"
            "  - use the synthetic set, which needs no network: data.name=synthetic"
        ) from None


def own_mirrors() -> list[str]:
    """Returns the mirror in $CIFAR_MIRROR, if there is one."""
    return list(filter(None, [os.environ.get("CIFAR_MIRROR")]))


def find_dataset(name: str) -> DatasetSource:
    """Returns the dataset of a name. Raises UsageError for an unknown name."""
    if name not in DATASETS:
        known = ", ".join(DATASETS)
        raise UsageError(f"data.name: expected one of {known}; found '{name}'{did_you_mean(name, DATASETS)}")
    source: DatasetSource = load_target(DATASETS[name].target)
    return source
