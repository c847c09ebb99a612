"""The table of references: the loops that a training is timed against. Imports no torch."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Reference:
    """title: the name of the loop in tables and sentences; target: `module:function` that builds the loop.

    takes_single_images: whether the loop augments single images, by torchvision, instead of batches.
    """

    title: str
    target: str
    takes_single_images: bool = False


REFERENCES = {
    "tutorial": Reference(
        "the tutorials' loop", "cifar_cli.benchmark.references:tutorial_reference", takes_single_images=True
    ),
    "plain": Reference("the plain loop", "cifar_cli.benchmark.references:plain_reference"),
}
