"""`cifar train`: starts a run or a run for each of several seeds, resumes a run, or shows the plan."""

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli.builders.trust_model import ModelTrust, words_for_own_model
from cifar_cli.commands.lr_option import refuse_options_of_a_training, try_lrs
from cifar_cli.commands.model_choice import OWN_MODEL_CONFIG, load_config, read_trust
from cifar_cli.commands.options import (
    DEFAULT_LOG_DIR,
    AsJson,
    Config,
    OptionalLogDir,
    OwnModel,
    TrustModel,
    config_words,
    parse_seeds,
    refuse_log_dir,
    split_words,
)
from cifar_cli.config import Experiment
from cifar_cli.config.config_files import is_stream
from cifar_cli.console.completion import complete_checkpoint, complete_train_words
from cifar_cli.errors import CheckpointError, DivergedError, RunNotFoundError, UsageError
from cifar_cli.heavy_imports import heavy_imports
from cifar_cli.models.own.own_source import meant_own_word
from cifar_cli.pretrained.card import weights_path
from cifar_cli.runs.run_folder import find_run
from cifar_cli.shell import expand_path, shell_command

PRETRAINED = "pretrained"  # the word for the network that comes along


def train(
    words: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="key=value|RUN",
            help="Changes to the configuration: optimizer.lr=0.05 train.epochs=3. With --resume, the run.",
            autocompletion=complete_train_words,
        ),
    ] = None,
    config: Config = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Resume an interrupted RUN; by default, the newest.")
    ] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Show the plan and try one batch; write nothing.")] = False,
    seeds: Annotated[
        str | None,
        typer.Option(metavar="N|LIST", help="A run for each of N seeds, or of a list such as 0,3,7, and their mean."),
    ] = None,
    begin_with: Annotated[
        str | None,
        typer.Option(
            "--from",
            metavar="CHECKPOINT",
            help="Begin with given weights: a checkpoint, a state_dict, safetensors, a RUN, or pretrained.",
            autocompletion=complete_checkpoint,
        ),
    ] = None,
    find_lr: Annotated[
        bool, typer.Option("--find-lr", help="Try learning rates on 100 steps; print one to take, and draw the curve.")
    ] = False,
    model: OwnModel = None,
    trust_model: TrustModel = False,
    log_dir: OptionalLogDir = None,
    as_json: AsJson = False,
) -> None:
    """Train a network, and write the results into logs/<run>/."""
    started = time.perf_counter()  # before the import of torch, which the command's time includes
    run, overrides = split_words(words)
    if as_json and not find_lr:
        raise UsageError("cifar train --json: expected --find-lr, whose results it prints; add it, or leave --json out")
    trust_in = read_trust(model, trust_model)
    if trust_in.named and config is None and not resume:
        config = OWN_MODEL_CONFIG
    if (config is None) != resume:
        mend = "write for example cifar train --config quickstart; cifar config list has the names"
        if run and config is None:
            network = meant_own_word(run)
            given = ["--model", network] if network else ["--config", run]
            mend = f"write {shell_command('cifar', 'train', *given)}"
        raise UsageError(f"cifar train: expected either --config FILE|NAME or --resume [RUN]; {mend}")
    if config is None and begin_with is not None:
        raise UsageError(
            "cifar train --resume: expected no --from, since a run goes on with its own weights; leave --from out"
        )
    if config is None:
        _check_resume(dry_run=dry_run, seeds=seeds, find_lr=find_lr)
        with heavy_imports():
            from cifar_cli.runner.seeds import resume as resume_training

        resume_training(run, overrides, log_dir=log_dir or DEFAULT_LOG_DIR, trust_in=trust_in, started_at=started)
        return
    if run is not None:
        raise UsageError(
            f"cifar train --config: expected key=value, found '{run}'; write for example optimizer.lr=0.05"
        )
    refuse_log_dir(log_dir, of="train")
    weights = weights_file(begin_with, log_dir=DEFAULT_LOG_DIR) if begin_with is not None else None
    if find_lr:
        refuse_options_of_a_training(dry_run=dry_run, seeds=seeds)
        try_lrs(_load(config, overrides, trust_in), config, overrides, begin_with=weights, as_json=as_json)
        return
    _start(config, overrides, trust_in=trust_in, dry_run=dry_run, seeds=seeds, begin_with=weights, started=started)


def weights_file(word: str, *, log_dir: Path) -> Path:
    """Returns the file that --from means: a file, the best or else the last checkpoint of a run, or `pretrained`.

    Raises CheckpointError for a file that does not exist, UsageError for a group of runs.
    """
    if not word:
        raise UsageError("--from: expected a file with weights or a run, found an empty word; leave --from out")
    path = expand_path(word, place="--from")
    if path.is_file():
        return path
    if word == PRETRAINED:
        return weights_path()
    try:
        run = find_run(str(path), log_dir=log_dir)
    except RunNotFoundError:
        raise CheckpointError(
            f"--from {word}: expected a file with weights, a run or {PRETRAINED}, found none of them; mend the path"
        ) from None
    return run.best_checkpoint if run.best_checkpoint.is_file() else run.last_checkpoint


def _start(
    source: str,
    overrides: Sequence[str],
    *,
    trust_in: ModelTrust,
    dry_run: bool,
    seeds: str | None,
    begin_with: Path | None,
    started: float,
) -> None:
    """Trains a configuration once or with several seeds, or shows the plan."""
    experiment = _load(source, overrides, trust_in)
    if seeds is not None:
        if dry_run:
            raise UsageError(
                "cifar train --seeds: expected no --dry-run, which shows the plan of one run; leave --seeds out"
            )
        chosen = parse_seeds(seeds, first=experiment.seed)
        with heavy_imports():
            from cifar_cli.runner.seeds import train_seeds

        train_seeds(experiment, seeds=chosen, started_at=started, begin_with=begin_with)
    elif dry_run:
        with heavy_imports():
            from cifar_cli.runner.start import show_plan

        given = ["--from", begin_with] if begin_with is not None else []
        words = [*config_words(source, overrides), *words_for_own_model(experiment.model), *given]
        show_plan(experiment, command=shell_command("cifar", "train", *words), begin_with=begin_with)
    else:
        with heavy_imports():
            from cifar_cli.runner.start import train as train_once

        try:
            train_once(experiment, started_at=started, begin_with=begin_with)
        except DivergedError as error:
            raise DivergedError(f"{error}{_own_lr_hint(source, overrides, experiment, trust_in)}") from error


def _load(source: str, overrides: Sequence[str], trust_in: ModelTrust) -> Experiment:
    """Returns the experiment of a configuration, without feature layers that another network does not have."""
    if is_stream(source) and os.environ.get("WORLD_SIZE", "1") != "1":
        raise UsageError(
            f"cifar train --config {source}: expected a FILE or a NAME, as every process of torchrun reads the "
            f"configuration, found a pipe, which can be read once; write it to a file: "
            f"{shell_command('cifar', 'config', 'copy', source, 'FILE')}"
        )
    experiment = load_config(source, overrides, trust_in)
    is_other_network = trust_in.named or any(word.startswith("model") for word in overrides)
    if is_other_network and not any(word.startswith(("log.feature_layers", "log=")) for word in overrides):
        from cifar_cli.builders.feature_layers import without_unknown_feature_layers

        experiment = without_unknown_feature_layers(experiment)
    return experiment


def _own_lr_hint(source: str, overrides: Sequence[str], experiment: Experiment, trust_in: ModelTrust) -> str:
    """Returns the configuration's own learning rate in words if the command line has changed it, else nothing."""
    others = [word for word in overrides if not word.startswith("optimizer.lr=")]
    if others == [*overrides] or experiment.optimizer.groups or is_stream(source):  # groups have rates of their own
        return ""
    own = load_config(source, others, trust_in).optimizer.lr
    return f"; {source} itself has optimizer.lr={own:g}" if own != experiment.optimizer.lr else ""


def _check_resume(*, dry_run: bool, seeds: str | None, find_lr: bool) -> None:
    """Raises UsageError for options that only a new run has."""
    if find_lr:
        raise UsageError(
            "cifar train --resume: expected no --find-lr, since a run goes on with its own learning rates; leave "
            "--find-lr out, or test the run's configuration: --config RUN/config.yaml --find-lr"
        )
    if dry_run:
        raise UsageError(
            "cifar train --resume: expected no --dry-run, which shows the plan of a new run; leave --dry-run out"
        )
    if seeds is not None:
        raise UsageError(
            "cifar train --resume: expected no --seeds, since a group resumes the seeds that it was started with; "
            "leave --seeds out"
        )
