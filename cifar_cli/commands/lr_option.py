"""The option --find-lr of `cifar train`."""

import re
from collections.abc import Sequence
from pathlib import Path

from cifar_cli.builders.trust_model import words_for_own_model
from cifar_cli.commands.options import config_words
from cifar_cli.config import Experiment
from cifar_cli.errors import UsageError
from cifar_cli.heavy_imports import heavy_imports

LR_WORD = re.compile(r"optimizer\.(groups\.\d+\.)?lr=")


def try_lrs(
    experiment: Experiment, source: str, overrides: Sequence[str], *, begin_with: Path | None, as_json: bool
) -> None:
    """Tries learning rates, and prints one to take. source, overrides: where the experiment is from."""
    with heavy_imports():
        from cifar_cli.runner.find_lr import find_lr

    others = [word for word in overrides if not LR_WORD.match(word)]
    given = ["--from", str(begin_with)] if begin_with is not None else []
    words = [*config_words(source, others), *words_for_own_model(experiment.model), *given]
    find_lr(experiment, words=words, as_json=as_json, begin_with=begin_with)


def refuse_options_of_a_training(*, dry_run: bool, seeds: str | None) -> None:
    """Raises UsageError for options that only a training has."""
    for option, is_given in (("--dry-run", dry_run), ("--seeds", seeds is not None)):
        if is_given:
            raise UsageError(
                f"cifar train --find-lr: expected no {option}, since it takes a few steps and trains nothing; "
                f"leave {option} out"
            )
