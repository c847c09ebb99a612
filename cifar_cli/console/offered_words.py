"""What shell completion offers of the disk: paths, and the layers of configurations and runs. Never imports torch."""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from glob import escape, glob
from pathlib import Path

from cifar_cli import config as configuration
from cifar_cli.config import Experiment
from cifar_cli.config.config_files import DEFAULT_CONFIG, is_stream
from cifar_cli.errors import CifarError
from cifar_cli.runs.checkpoint_archive import ARCHIVE_ERRORS, open_checkpoint_archive
from cifar_cli.runs.pickle_inspector import PickleContentError, inspect_pickle
from cifar_cli.runs.run_folder import find_run, is_checkpoint_path, newest_run
from cifar_cli.shell import expand_path

MAX_CHECKPOINT_BYTES = 2**28  # reading a larger checkpoint would take too long for a Tab


def shell_safe(words: Iterable[str]) -> list[str]:
    """Returns the words without special characters of the shell; lists lose their spaces.

    The names of a stranger's run or checkpoint may contain commands, which the shell would run.
    """
    compact = [word.replace(", ", ",") for word in words]
    return [word for word in compact if re.fullmatch(r"[\w./=:,+~@%\[\]-]+", word)]


def paths(incomplete: str, *, is_offered: Callable[[str], bool]) -> list[str]:
    """Returns the offered files and folders with the given beginning, and those in folders with that beginning."""
    found: list[str] = []
    folder, separator, beginning = incomplete.rpartition(os.sep)
    try:
        expanded = str(expand_path(folder)) if folder else folder
    except CifarError:
        return []
    incomplete = f"{expanded}{separator}{beginning}"
    for path in sorted(glob(f"{escape(incomplete)}*")):
        if is_offered(path):
            found.append(path)
        elif os.path.isdir(path):
            found += filter(is_offered, sorted(glob(f"{escape(path)}/*")))
    return shell_safe(folder + path.removeprefix(expanded) for path in found)  # as typed: shells compare the beginning


def readable_experiment(source: str | None, overrides: Sequence[str] = ()) -> Experiment | None:
    """Returns the configuration, None for one with mistakes and for a pipe, which can be read only once."""
    for words in (overrides, ()):  # a key=value word may be wrong
        try:
            return None if source is None or is_stream(source) else configuration.load(source, words)
        except CifarError:
            continue
    return None


def layer_names(source: str | None, run: str | None, log_dir: Path) -> list[str]:
    """Returns the names of the layers of a configuration or of a run, by default of the newest run."""
    if source is not None:
        return _configured_layers(source)
    try:
        run = None if run is None else str(expand_path(run))
        if run is not None and is_checkpoint_path(run):
            return _saved_layers(Path(run))
        folder = find_run(run, log_dir=log_dir) if run else newest_run(log_dir)
    except CifarError:
        return []
    if folder is None:
        return _configured_layers(DEFAULT_CONFIG)
    return _configured_layers(str(folder.config)) or _saved_layers(folder.last_checkpoint)


def _configured_layers(source: str) -> list[str]:
    """Returns the names of the layers that a configuration lists."""
    experiment = readable_experiment(source)
    layers = experiment.model.listed_layers if experiment else None
    return [layer.name for layer in layers or ()]


def _saved_layers(checkpoint: Path) -> list[str]:
    """Returns the names of the layers with weights in a checkpoint, without loading a tensor."""
    try:
        if checkpoint.stat().st_size > MAX_CHECKPOINT_BYTES:
            return []
        archive = open_checkpoint_archive(checkpoint)
        contents = inspect_pickle(archive.pickled, storage_bytes=archive.storage_bytes)
    except (OSError, *ARCHIVE_ERRORS, PickleContentError):
        return []  # the command that opens the file reports the damage
    weights = contents.get("model") if isinstance(contents, dict) else None
    names = [name for name in weights if isinstance(name, str)] if isinstance(weights, dict) else []
    return shell_safe(dict.fromkeys(name.rpartition(".")[0] for name in names))
