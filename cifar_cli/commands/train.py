"""Checks what was typed behind `cifar train`, and calls what it asks for.

Imports torch only when the words make sense, so that a mistake in them is told at once.
"""

from collections.abc import Sequence
from pathlib import Path

from cifar_cli import config
from cifar_cli.errors import UsageError
from cifar_cli.runner.parse_seeds import parse_seeds


def start(
    source: str,
    overrides: Sequence[str],
    *,
    run: str | None,
    dry_run: bool,
    log_dir: Path | None,
    seeds: str | None,
    started: float,
) -> None:
    """Trains a configuration: once, with several seeds, or not at all where only the plan is wanted.

    run: a word that is no key=value, which has no place here; started: when the command began, on time.perf_counter's
    clock. Raises UsageError for what makes no sense, ConfigError for mistakes in the configuration.
    """
    if run is not None:
        raise UsageError(
            f"cifar train --config: expected key=value, found '{run}'; write for example optimizer.lr=0.05"
        )
    if log_dir is not None:
        raise UsageError(f"cifar train --log-dir: a new run goes where log.dir says; write log.dir={log_dir}")
    experiment = config.load(source, overrides)
    if seeds is None:
        from cifar_cli.runner.start import train

        train(source, overrides, dry_run=dry_run, started=started)
        return
    if dry_run:
        raise UsageError("cifar train --seeds: expected no --dry-run, which shows one run's plan; leave --seeds out")
    chosen = parse_seeds(seeds, first=experiment.seed)
    from cifar_cli.runner.seeds import train_seeds

    train_seeds(source, overrides, seeds=chosen, started=started)


def resume(
    run: str | None, overrides: Sequence[str], *, dry_run: bool, seeds: str | None, log_dir: Path, started: float
) -> None:
    """Resumes a run or a group of seeds, the newest unfinished one where none is named.

    started: when the command began, on time.perf_counter's clock. Raises UsageError for what makes no sense.
    """
    if dry_run:
        raise UsageError("cifar train --resume: expected no --dry-run, which shows the plan of a new run")
    if seeds is not None:
        raise UsageError(
            "cifar train --resume: expected no --seeds, since a group goes on with those that it was begun with; "
            "leave it out"
        )
    from cifar_cli.runner.seeds import resume

    resume(run, overrides, log_dir=log_dir, started=started)
