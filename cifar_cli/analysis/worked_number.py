"""What a number worked by hand consists of, and the rounding of its steps on paper."""

from dataclasses import dataclass
from math import isfinite
from typing import Any, TypeAlias

from torch import Tensor

from cifar_cli import formatting

MAX_DIGITS = 8  # more than float32 holds of a number near 1

Place: TypeAlias = tuple[int, ...]  # (channel, row, column) or (feature,), counted from 0


@dataclass(frozen=True)
class WorkedMatrices:
    """Matrices side by side, (name, numbers) each, under a title."""

    title: str
    matrices: tuple[tuple[str, Tensor], ...]


@dataclass(frozen=True)
class WorkedExample:
    """A number worked by hand: its place in the output, matrices or none, and lines that add up to the number.

    by_hand: None where the formula has no short form; by_layer: the layer's own number; inputs: of each kind of number
    that the work begins with, the largest by size.
    """

    place: Place
    grids: tuple[WorkedMatrices, ...]
    lines: tuple[tuple[str, float | None], ...]
    by_hand: float | None
    by_layer: float
    inputs: tuple[float, ...]

    @property
    def digits(self) -> int:
        """How many decimals all numbers need on paper: four digits of a small variance, three of weights."""
        significant = 3 if self.grids else 4
        needed = [formatting.decimals([number], significant=significant) for number in self.inputs]
        return min(MAX_DIGITS, max(formatting.decimals([self.by_layer], significant=4), *needed))

    @property
    def rounding(self) -> str:
        """How a reader can redo the work."""
        return (
            f"Every number is rounded to {self.digits} decimals before the next step, so each step follows from the "
            "numbers shown; the layer itself does not round, so its last digits may differ."
        )

    def as_dict(self) -> dict[str, Any]:
        """Returns plain lists and numbers; −∞, which pads a maximum, is None, as JSON has no such number."""
        return {
            "place": list(self.place),
            "grids": [
                {"title": grids.title} | {name: _plain(numbers) for name, numbers in grids.matrices}
                for grids in self.grids
            ],
            "lines": [{"text": text, "number": number} for text, number in self.lines],
            "by_hand": self.by_hand,
            "by_layer": self.by_layer,
        }


def _plain(numbers: Tensor) -> list[list[float | None]]:
    return [[number if isfinite(number) else None for number in row] for row in numbers.tolist()]


def rounded(number: float, digits: int | None) -> float:
    """Returns a number with so many decimals, or as it is."""
    return number if digits is None else round(number, digits)


def all_rounded(numbers: Tensor, digits: int | None) -> Tensor:
    return numbers.double() if digits is None else numbers.double().round(decimals=digits)


def largest_size(numbers: Tensor) -> float:
    return float(numbers.abs().where(numbers.isfinite(), 0.0).max())
