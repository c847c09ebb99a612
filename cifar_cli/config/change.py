"""Changes the keys of a parsed experiment."""

from collections.abc import Sequence

from cifar_cli.config.dump import to_plain
from cifar_cli.config.load import experiment_of
from cifar_cli.config.overrides import override
from cifar_cli.config.schema import Experiment
from cifar_cli.config.yaml.document import Document
from cifar_cli.config.yaml.source_locations import SourceLocation, SourceLocations


def with_overrides(experiment: Experiment, overrides: Sequence[str], *, location: str) -> Experiment:
    """Returns the experiment with `key=value` words applied, checked like a file that `load` reads.

    location: the experiment's source, for messages. Raises ConfigError with all mistakes.
    """
    if not overrides:
        return experiment
    document = Document(to_plain(experiment), SourceLocations(start=SourceLocation(location)), [])
    override(document, overrides)
    return experiment_of(document)
