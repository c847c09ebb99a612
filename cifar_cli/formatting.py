"""Numbers as text: counts, bytes, percent, shapes, a mean with its uncertainty."""

import math
import re
from collections.abc import Iterable, Sequence

NOTHING = "·"
_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def count(quantity: int, noun: str) -> str:
    """Returns `1 epoch` or `1,000 epochs`. noun: in the singular, with a plural in -s or, after an s, in -es."""
    ending = "es" if noun.endswith("s") else "s"
    return f"{quantity:,} {noun}{'' if quantity == 1 else ending}"


def number(value: float, *, digits: int = 3) -> str:
    """Returns a number in a few significant digits, with a real minus sign."""
    return f"{value:.{digits}g}".replace("-", "−")


def signed(value: float | None, *, digits: int = 4) -> str:
    """Returns a number with that many decimals and a real minus sign, or a dash for one that is not known."""
    if value is None:
        return "–"
    if math.isinf(value):
        return "−∞" if value < 0 else "∞"
    return f"{round(value, digits) + 0.0:.{digits}f}".replace("-", "−")  # + 0.0: no minus before a zero


def si(count: float) -> str:
    """Returns 4.92 M for 4,915,200, and · for 0."""
    return _with_prefix(count, (("T", 1e12), ("G", 1e9), ("M", 1e6), ("k", 1e3)), unit="")


def binary_bytes(count: int) -> str:
    """Returns 128 KiB for 131,072 bytes, and · for 0."""
    return _with_prefix(count, (("GiB", 2**30), ("MiB", 2**20), ("KiB", 2**10)), unit=" B")


def duration(seconds: float) -> str:
    """Returns a short time in three significant digits: `12.3 ms`, and `27.3 s` from a second on."""
    return f"{1000 * seconds:.3g} ms" if seconds < 0.9995 else f"{seconds:.3g} s"


def value_range(low: float, high: float, *, digits: int = 3) -> str:
    """Returns `low … high`, both in a few significant digits."""
    return f"{number(low, digits=digits)} … {number(high, digits=digits)}"


def percent(fraction: float, *, decimals: int | None = None) -> str:
    """Returns a fraction in percent: by default without decimals from 10 % on, with one below."""
    if decimals is not None:
        return f"{100 * fraction:.{decimals}f} %"
    return f"{100 * fraction:.0f} %" if fraction >= 0.095 else f"{100 * fraction:.1f} %"


def signed_percent(fraction: float) -> str:
    """Returns +5.0 % for 0.05, with a real minus sign."""
    return f"{100 * fraction:+.1f} %".replace("-", "−")


def percent_with_uncertainty(fraction: float, uncertainty: float | None) -> str:
    """Returns a fraction in [0, 1] in percent with as many digits as its uncertainty leaves: `93.97 % ± 0.06`.

    The uncertainty has one digit, or two where the first is a 1; without an uncertainty there are two decimals.
    """
    if not uncertainty:
        return f"{100 * fraction:.2f} %"
    digits = decimals_for_uncertainty(100 * uncertainty)
    return f"{100 * fraction:.{digits}f} % ± {100 * uncertainty:.{digits}f}"


def decimals_for_uncertainty(uncertainty: float) -> int:
    """Returns how many decimals a number with that uncertainty deserves."""
    exponent = math.floor(math.log10(uncertainty))
    digits = 2 if uncertainty / 10.0**exponent < 1.95 else 1  # 1.95 is told as 2
    return max(0, digits - 1 - exponent)


def decimals(numbers: Iterable[float | None], *, significant: int) -> int:
    """Returns how many decimals show the largest of the numbers with that many significant digits."""
    largest = max((abs(n) for n in numbers if n is not None and math.isfinite(n)), default=0.0)
    return significant + (max(0, -math.floor(math.log10(10 * largest))) if largest > 0 else 0)


def shape(sizes: Iterable[int]) -> str:
    """Returns 32×16×16 for (32, 16, 16)."""
    return "×".join(map(str, sizes))


def position(indices: Sequence[int]) -> str:
    """Returns where in a layer's output a number stands, in words."""
    if len(indices) == 3:
        return "channel {}, row {}, column {}".format(*indices)
    return f"number {', '.join(map(str, indices))}"


def shortened(text: str, *, length: int = 24) -> str:
    """Returns the text, cut at so many characters with … at the end: for names in pictures."""
    return text if len(text) <= length else f"{text[: length - 1].rstrip()}…"


def without_control_characters(text: str) -> str:
    """Returns the text with � for each control character except a line break and a tab.

    Names of files and of layers are other people's: an escape sequence in them would command the terminal.
    """
    return _CONTROL.sub("\N{REPLACEMENT CHARACTER}", text)


def _with_prefix(count: float, prefixes: Sequence[tuple[str, float]], *, unit: str) -> str:
    if count == 0:
        return NOTHING
    for prefix, size in prefixes:
        if count >= size:
            return f"{_three_digits(count / size)} {prefix}"
    return f"{count:g}{unit}"


def _three_digits(value: float) -> str:
    """Returns a number below 1,024 in three digits."""
    places = 0 if value >= 99.95 else 1 if value >= 9.995 else 2
    text = f"{value:.{places}f}"
    return text.rstrip("0").rstrip(".") if places else text
