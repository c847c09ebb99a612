"""What all shape rules share: a shape, a rule, and the error when a layer cannot take what comes."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from cifar_cli.models.layer import ArgumentValue

Shape: TypeAlias = tuple[int, ...]
Rule: TypeAlias = Callable[[Mapping[str, ArgumentValue], Shape], Shape]


class ShapeError(Exception):
    """The layer cannot take what comes."""

    def __init__(self, finding: str, mend: str, argument: str | None = None) -> None:
        super().__init__(finding)
        self.finding = finding
        self.mend = mend
        self.argument = argument


def number(value: ArgumentValue) -> int:
    """Returns an argument that is known to be a whole number."""
    assert isinstance(value, int), value
    return value
