"""Changes the keys of an experiment that is parsed already."""

from collections.abc import Sequence

from cifar_cli.config.dump import dump
from cifar_cli.config.load import load_text
from cifar_cli.config.schema import Experiment


def with_overrides(experiment: Experiment, overrides: Sequence[str], *, place: str) -> Experiment:
    """Returns the experiment with `key=value` words applied and checked as `load` does it.

    place: where the experiment is from, for messages. Raises ConfigError with all mistakes.
    """
    if not overrides:
        return experiment
    return load_text(dump(experiment), place=place, overrides=overrides)
