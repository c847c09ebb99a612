"""A layer as a configuration lists it. Imports no torch."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TypeAlias

ArgumentValue: TypeAlias = bool | int | float | str | tuple[int | None, ...] | None


@dataclass(frozen=True)
class Layer:
    """A named layer: `getattr(torch.nn, type)(**arguments)` builds it."""

    name: str
    type: str
    arguments: Mapping[str, ArgumentValue]
