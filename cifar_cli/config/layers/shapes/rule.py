"""The types and the error that all shape rules share."""

from collections.abc import Callable, Mapping
from typing import TypeAlias

from cifar_cli.models.layer import ArgumentValue

Shape: TypeAlias = tuple[int, ...]
Rule: TypeAlias = Callable[[Mapping[str, ArgumentValue], Shape], Shape]


class ShapeError(Exception):
    """A layer does not accept its input shape or its arguments. argument: the wrong argument, if there is one."""

    def __init__(self, finding: str, mend: str, argument: str | None = None) -> None:
        super().__init__(finding)
        self.finding = finding
        self.mend = mend
        self.argument = argument


def as_int(value: ArgumentValue) -> int:
    """Returns an argument that is known to be a whole number."""
    assert isinstance(value, int), value
    return value
