"""Changes the keys of an experiment that is parsed already."""

from collections.abc import Sequence

from cifar_cli.config.dump import to_plain
from cifar_cli.config.load import experiment_of
from cifar_cli.config.overrides import override
from cifar_cli.config.schema import Experiment
from cifar_cli.config.yaml.document import Document
from cifar_cli.config.yaml.source_locations import SourceLocation, SourceLocations


def with_overrides(experiment: Experiment, overrides: Sequence[str], *, place: str) -> Experiment:
    """Returns the experiment with `key=value` words applied and checked as `load` does it.

    place: where the experiment is from, for messages. Raises ConfigError with all mistakes.
    """
    if not overrides:
        return experiment
    document = Document(to_plain(experiment), SourceLocations(start=SourceLocation(place)), [])
    override(document, overrides)
    return experiment_of(document)
