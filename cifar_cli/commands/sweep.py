"""`cifar sweep`: searches settings with Optuna."""

import os
import re
import time
from collections.abc import Sequence
from dataclasses import replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli.builders.trust_model import ModelTrust, with_trusted_model
from cifar_cli.commands.model_choice import OWN_MODEL_CONFIG, own_model_words, read_trust
from cifar_cli.commands.options import (
    DEFAULT_LOG_DIR,
    AsJson,
    Config,
    OptionalLogDir,
    OwnModel,
    TrustModel,
    is_override,
    number,
    one_of,
    parse_seeds,
    refuse_log_dir,
    split_words,
)
from cifar_cli.config.config_files import ConfigFile, is_stream, read_config_file
from cifar_cli.config.load import load_read
from cifar_cli.console.completion import complete_sweep_words
from cifar_cli.errors import RunError, UsageError
from cifar_cli.heavy_imports import heavy_imports
from cifar_cli.models.own.build_own import trust
from cifar_cli.runs.json_files import read_json
from cifar_cli.runs.sweep_folder import SweepFolder, find_sweep, find_sweeps
from cifar_cli.shell import shell_command, without_passwords
from cifar_cli.sweep.ranges import refuse_cut_words, split_ranges
from cifar_cli.sweep.storage_address import storage_of
from cifar_cli.sweep.sweep_settings import (
    DEFAULT_TRIALS,
    PRUNERS,
    SAMPLERS,
    UNLIMITED,
    SweepSettings,
    read_settings,
    within_grid,
)

EXAMPLE = shell_command("cifar", "sweep", "--config", "cnn", "optimizer.lr=log(1e-3,1)", "--trials", "20")
UNITS = {"": 1, "s": 1, "m": 60, "h": 3600}  # seconds


def _seconds(text: str) -> float:
    """Returns the seconds of `90`, `90s`, `30m` or `2h`. Raises UsageError."""
    match = re.fullmatch(r"([0-9]{1,9}(?:\.[0-9]{1,3})?)([smh]?)", text)
    if match is None or float(match[1]) == 0:
        raise UsageError(
            f"--timeout: expected a time of more than 0 in seconds, minutes or hours, found '{text}'; write for "
            f"example --timeout 30m, or 2h"
        )
    return float(match[1]) * UNITS[match[2]]


def sweep(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="key=range|key=value|SWEEP",
            help="What to search, in quotes: 'optimizer.lr=log(1e-3,1)' 'uniform(0,0.2)' 'int(0,4)' "
            "'data.batch_size=[64,128]'; and changes to the configuration. With --resume, the sweep.",
            autocompletion=complete_sweep_words,
        ),
    ] = None,
    config: Config = None,
    trials: Annotated[
        int | None,
        number("--trials", int, low=1, high=UNLIMITED, help=f"How many trials in all; by default {DEFAULT_TRIALS}."),
    ] = None,
    workers: Annotated[
        int | None,
        number(
            "--workers",
            int,
            low=1,
            high=256,
            help="Processes that train at a time, each with its share of the CPU threads, or a GPU; by default 1.",
        ),
    ] = None,
    sampler: Annotated[
        str | None,
        one_of(*SAMPLERS, help="What chooses the values; by default tpe, which learns from the trials before."),
    ] = None,
    pruner: Annotated[
        str | None,
        one_of(
            *PRUNERS, help="What ends hopeless trials early, by the validation accuracy of each epoch; by default none."
        ),
    ] = None,
    timeout: Annotated[
        str | None,
        typer.Option(
            metavar="TIME", help="When to end the search, such as 90, 30m or 2h; what is being trained is saved."
        ),
    ] = None,
    storage: Annotated[
        str | None,
        typer.Option(metavar="URL", help="A database for several machines: the same command on each joins the search."),
    ] = None,
    seeds: Annotated[
        str | None,
        typer.Option(
            metavar="N|LIST", help="Train the winner with N seeds and test each; by default, its run is tested."
        ),
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Continue a SWEEP; by default, the newest unfinished.")
    ] = False,
    model: OwnModel = None,
    trust_model: TrustModel = False,
    as_json: AsJson = False,
    log_dir: OptionalLogDir = None,
) -> None:
    """Search settings with Optuna: many trainings, compared on validation images; the best alone is tested."""
    started = time.perf_counter()
    _check_library()
    seconds = None if timeout is None else _seconds(timeout)
    refuse_cut_words(words or [])
    _refuse_torchrun()
    trust_in = read_trust(model, trust_model)
    if trust_in.named and config is None and not resume:
        config = OWN_MODEL_CONFIG
    if (config is None) != resume:
        raise UsageError(
            f"cifar sweep: expected either --config FILE|NAME or --resume [SWEEP]; write for example {EXAMPLE}"
        )
    if config is None:
        if sampler is not None or pruner is not None:
            raise UsageError("cifar sweep --resume: a sweep keeps its --sampler and --pruner; leave them out")
        folder = _find(words or [], log_dir=log_dir or DEFAULT_LOG_DIR)
        settings = _changed(read_settings(folder), trials=trials, workers=workers, seeds=seeds)
        if settings.trials == UNLIMITED and seconds is None:
            raise UsageError(f"{folder.path}: expected --trials or --timeout, as this sweep has no other end; add one")
        space = settings.space(folder.config.read_text(encoding="utf-8"))
        settings = within_grid(settings, space, asked=settings.trials)
        address = storage_of(folder, settings.storage, storage)
        with heavy_imports():
            from cifar_cli.sweep.start_sweep import SweepCommand, resume_sweep

        resume_sweep(folder, settings, SweepCommand(started, seconds, address, as_json, trust_in))
        return
    refuse_log_dir(log_dir, of="sweep")
    file = read_config_file(config)
    settings = _new_settings(file, words or [], trust_in, source=config)
    settings = replace(
        settings,
        sampler=sampler or settings.sampler,
        pruner=pruner or settings.pruner,
        storage=storage and without_passwords(storage),
    )
    if trials is None and seconds is not None:
        trials = UNLIMITED
    settings = _changed(settings, trials=trials, workers=workers, seeds=seeds)
    space = settings.space(file.text)
    variants = space.check()
    settings = within_grid(settings, space, asked=trials)
    with heavy_imports():
        from cifar_cli.sweep.start_sweep import SweepCommand, start_sweep

    start_sweep(settings, file, variants, SweepCommand(started, seconds, storage, as_json, trust_in))


def _check_library() -> None:
    if find_spec("optuna") is None:
        raise UsageError(
            'cifar sweep: expected the library optuna, found none; install with: pip install "cifar-cli[sweep]", or in '
            'a checkout: pip install -e ".[sweep]"'
        )


def _refuse_torchrun() -> None:
    if os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError(
            f"cifar sweep: expected one process, found {os.environ['WORLD_SIZE']} of torchrun; leave torchrun out, and "
            f"write --workers {os.environ['WORLD_SIZE']}"
        )


def _new_settings(file: ConfigFile, words: Sequence[str], trust_in: ModelTrust, *, source: str) -> SweepSettings:
    """Returns the settings of a new sweep, with the defaults of the options. Raises UsageError or ConfigError."""
    if others := [word for word in words if not is_override(word)]:
        raise UsageError(f"cifar sweep --config: expected key=range, found '{others[0]}'; write for example {EXAMPLE}")
    split_words(words)  # tells of blanks around =
    fixed, ranges = split_ranges(words)
    if not ranges:
        raise UsageError(f"cifar sweep: expected at least one range to search, found none; write for example {EXAMPLE}")
    searched = [word for word in words if word not in fixed]
    if trust_in.named:
        trust(trust_in.named)
        fixed = [*own_model_words(trust_in.named, source), *fixed]
    base = load_read(file, fixed)
    folder = None if file.builtin or is_stream(source) else Path(source).parent
    with_trusted_model(base, trust_in, folder=folder, place=source)
    return SweepSettings(
        stem=file.stem,
        location=file.location,
        builtin=file.builtin,
        overrides=tuple(fixed),
        ranges=tuple(searched),
        sampler=SAMPLERS[0],
        pruner=PRUNERS[0],
        trials=DEFAULT_TRIALS,
        workers=1,
        seeds=(),
        seed=base.seed,
    )


def _find(words: Sequence[str], *, log_dir: Path) -> SweepFolder:
    """Returns the sweep to resume: the named one, or the newest unfinished. Raises UsageError or RunError."""
    name, changes = split_words(words, of="sweep")
    if changes:
        raise UsageError(
            f"cifar sweep --resume: expected no key=value, since a sweep keeps what it searches, found "
            f"{' '.join(changes)}; start another one"
        )
    if name is not None:
        return find_sweep(name, log_dir=log_dir)
    for folder in reversed(find_sweeps(log_dir)):
        if read_json(folder.summary).get("status") != "completed":
            return folder
    raise RunError(f"{log_dir}: expected an unfinished sweep, found none; name a finished one, or start one: {EXAMPLE}")


def _changed(settings: SweepSettings, *, trials: int | None, workers: int | None, seeds: str | None) -> SweepSettings:
    """Returns the settings with what the command line says of them."""
    if seeds is not None:
        # From the next one on: the winner was chosen with the trials' own seed.
        settings = replace(settings, seeds=tuple(parse_seeds(seeds, first=settings.seed + 1)))
    return replace(settings, trials=trials or settings.trials, workers=workers or settings.workers)
