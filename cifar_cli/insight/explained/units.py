"""Counts, sizes and shares as a person reads them. Knows nothing of where they come from."""

import math
from collections.abc import Iterable, Sequence

from cifar_cli.insight.explained.account import Line

NOTHING = "·"


def amount(count: int) -> str:
    """Returns 4.92 M for 4,915,200, and · for nothing."""
    if count == 0:
        return NOTHING
    for unit, size in (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)):
        if count >= size:
            return f"{_three(count / size)} {unit}"
    return str(count)


def memory(count: int) -> str:
    """Returns 128 KiB for 131,072 bytes, and · for none."""
    if count == 0:
        return NOTHING
    for unit, size in (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)):
        if count >= size:
            return f"{_three(count / size)} {unit}"
    return f"{count} B"


def share(part: float) -> str:
    """Returns a part of one in percent."""
    return f"{100 * part:.0f} %" if part >= 0.095 else f"{100 * part:.1f} %"


def shape(sizes: Sequence[int]) -> str:
    """Returns 32×16×16 for (32, 16, 16)."""
    return "×".join(map(str, sizes))


def pixels(line: Line) -> str:
    """Returns what one number sees: 5×5, or all where all numbers see the whole image, or ? where it is unknown."""
    if line.receptive_field is None:
        return "?"
    if line.sees_all and line.stride is None:
        return "all"
    return shape(line.receptive_field)


def place(indices: Sequence[int]) -> str:
    """Returns where in the output a number stands, in words."""
    if len(indices) == 3:
        return "channel {}, row {}, column {}".format(*indices)
    return f"number {', '.join(map(str, indices))}"


def decimals(numbers: Iterable[float | None], *, significant: int) -> int:
    """Returns how many decimals show the largest of these with so many digits behind its first zeros."""
    largest = max((abs(n) for n in numbers if n is not None and math.isfinite(n)), default=0.0)
    return significant + (max(0, -math.floor(math.log10(10 * largest))) if largest > 0 else 0)


def signed(number: float | None, *, digits: int = 4) -> str:
    """Returns a number with so many decimals and a real minus sign, or a dash for one that is not known."""
    if number is None:
        return "–"
    if math.isinf(number):
        return "−∞" if number < 0 else "∞"
    return f"{round(number, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: no minus before a zero


def _three(value: float) -> str:
    """Returns a number below 1,024 in three digits."""
    decimals = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    text = f"{value:.{decimals}f}"
    return text.rstrip("0").rstrip(".") if decimals else text
