"""What a sweep was started with, kept in its folder so that it can be resumed."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields, replace
from typing import Any, get_origin

from cifar_cli.config.config_files import ConfigFile
from cifar_cli.errors import RunError
from cifar_cli.runs.json_files import read_json, write_json
from cifar_cli.runs.sweep_folder import SweepFolder
from cifar_cli.shell import shell_command
from cifar_cli.sweep.ranges import split_ranges
from cifar_cli.sweep.space import SearchSpace

SAMPLERS = ("tpe", "random", "grid")
PRUNERS = ("none", "asha", "hyperband")
DEFAULT_TRIALS = 20
OF_THE_MACHINE = ("log=", "log.", "train.device=", "data.root=", "data.mirrors=")  # the beginnings of such words
UNLIMITED = 100_000  # trials of a sweep that --timeout alone ends


@dataclass(frozen=True)
class SweepSettings:
    """The words and options of a sweep.

    stem, location, builtin: of the configuration, see ConfigFile; overrides: words that fix a key, ranges: words with a
    range, both as typed; data: a word with the section `data` that the images have
    decided; trials: how many the study is to have; workers: how many processes train at a time; seeds: those that the
    winner is trained with, none if its trial is tested; storage: a database, None for the journal in the folder; study:
    its name there; seed: of the sampler, and of every trial.
    """

    stem: str
    location: str
    builtin: str | None
    overrides: tuple[str, ...]
    ranges: tuple[str, ...]
    sampler: str
    pruner: str
    trials: int
    workers: int
    seeds: tuple[int, ...]
    seed: int
    storage: str | None = None
    study: str = ""
    data: str | None = None

    def space(self, text: str) -> SearchSpace:
        """Returns the search space. text: the configuration's."""
        file = ConfigFile(text, self.location, self.stem, self.builtin)
        _, ranges = split_ranges(self.ranges)
        overrides = [*self.overrides, *([self.data] if self.data else [])]
        return SearchSpace(file, tuple(overrides), tuple(ranges))

    def named_study(self, name: str, text: str) -> "SweepSettings":
        """Returns the settings with the study's name, which the same command has on every machine with the same images.

        Words that say where a machine has its folders, and on what it computes, may differ. name: the experiment's.
        text: the configuration's.
        """
        overrides = [word for word in self.overrides if not word.startswith(OF_THE_MACHINE)]
        parts = [text, *sorted(overrides), *sorted(self.ranges), self.sampler, str(self.seed), self.data]
        digest = hashlib.sha256(json.dumps(parts).encode()).hexdigest()[:12]
        return replace(self, study=f"{name}-{digest}")


def write_settings(folder: SweepFolder, settings: SweepSettings) -> None:
    """Writes sweep.json."""
    write_json(folder.settings, asdict(settings))


def read_settings(folder: SweepFolder) -> SweepSettings:
    """Returns the settings in sweep.json. Raises RunError if it does not hold them."""
    try:
        return _parsed(read_json(folder.settings))
    except (KeyError, TypeError, ValueError) as error:
        command = shell_command("cifar", "sweep", "--config", folder.config, "key=range")
        raise RunError(
            f"{folder.settings}: expected the settings of a sweep, found others ({error}); put the file back as the "
            f"sweep wrote it, or start again with: {command}"
        ) from error


def _parsed(values: Mapping[str, Any]) -> SweepSettings:
    lists = {key: tuple(values[key]) for key in ("overrides", "ranges", "seeds")}
    settings = SweepSettings(**{**values, **lists})
    for field in fields(settings):
        kind: Any = tuple if get_origin(field.type) is tuple else field.type
        if not isinstance(value := getattr(settings, field.name), kind):
            raise TypeError(f"{field.name}: {value!r}")
    return settings


def within_grid(settings: SweepSettings, space: SearchSpace, *, asked: int | None) -> SweepSettings:
    """Returns the settings of a grid with as many trials as it has combinations, or fewer if fewer are asked for."""
    if settings.sampler != "grid":
        return settings
    size = space.count_combinations()
    if asked is not None and size < asked < UNLIMITED:
        from cifar_cli.console.streams import warn  # here: rich would slow down every start

        warn(f"--sampler grid: there are {size} combinations, and so many trials instead of {asked}")
    return replace(settings, trials=min(asked or size, size))
