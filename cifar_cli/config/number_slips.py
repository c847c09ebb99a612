"""Guesses the number that a person means who writes it as elsewhere: `0,05`, `5%`, `1/100`, `1_000`, `'0.05'`."""

import re
from collections.abc import Iterator
from math import isfinite
from typing import Annotated, Any

from pydantic import TypeAdapter, ValidationError
from pydantic.fields import FieldInfo

_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"


def meant_number(value: object, field: FieldInfo) -> int | float | None:
    """Returns the number that `value` means and the key of `field` takes, None if there is no such number."""
    if not isinstance(value, str | float):
        return None
    annotated: Any = Annotated[field.annotation, *field.metadata] if field.metadata else field.annotation
    accepted = TypeAdapter[Any](annotated)
    for number in filter(isfinite, _readings(value)):
        try:
            accepted.validate_python(number, strict=True)
        except ValidationError:
            continue
        return number
    return None


def _readings(value: str | float) -> Iterator[int | float]:
    """Yields the numbers that a value may mean, the likeliest first."""
    if isinstance(value, float):
        if value.is_integer():
            yield int(value)
        return
    text = value.strip(" ,;'\"")
    if re.fullmatch(r"[+-]?\d{1,3}(?:[,_ ']\d{3})+", text):
        yield int(re.sub(r"[,_ ']", "", text))
    if re.fullmatch(r"[+-]?\d+", text):
        yield int(text)
    if re.fullmatch(_NUMBER, with_point := text.replace(",", ".", 1)):
        yield float(with_point)
    if percent := re.fullmatch(rf"({_NUMBER}) ?%", with_point):
        yield _rounded(float(percent[1]) / 100)
    if (quotient := re.fullmatch(rf"({_NUMBER}) ?/ ?({_NUMBER})", text)) and float(quotient[2]):
        yield _rounded(float(quotient[1]) / float(quotient[2]))


def _rounded(number: float) -> float:
    return float(f"{number:.6g}")
