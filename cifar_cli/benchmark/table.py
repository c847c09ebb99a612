"""The table of references: the loops that a training is timed against. Imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """title: the name of the loop in tables and sentences; target: `module:function` that builds the loop."""

    title: str
    target: str


REFERENCES = {
    "tutorial": Reference("the tutorials' loop", "cifar_cli.benchmark.references:tutorial_reference"),
    "plain": Reference("the plain loop", "cifar_cli.benchmark.references:plain_reference"),
}
