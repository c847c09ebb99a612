"""Reads the ranges of `cifar sweep`: `key=log(1e-3,1)`, `uniform(…)`, `int(…)` and choices `[a,b]`.

Imports neither torch nor Optuna, so that mistakes are told at once.
"""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from cifar_cli.config import to_flow_yaml
from cifar_cli.config.yaml.document import read_value
from cifar_cli.config.yaml.scalars import read_scalar
from cifar_cli.config.yaml.source_locations import COMMAND_LINE
from cifar_cli.errors import ConfigError, UsageError, did_you_mean
from cifar_cli.shell import shell_command

EXAMPLES = {"log": "log(1e-3,1)", "uniform": "uniform(0,0.2)", "int": "int(0,4)"}
LARGEST_INT = 2**53  # beyond it, the floats with which a sampler computes leave out whole numbers
_NUMBER = r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?"
_INTERVAL = re.compile(rf"({_NUMBER})\s*(?:\.\.\.?|:)\s*({_NUMBER})")  # as it is written elsewhere
_LIST = re.compile(rf"{_NUMBER}(?:\s*,\s*{_NUMBER})+,?")
_NAMES = re.compile(r"\w+(?:\s*,\s*\w+)+,?")
_CALL = re.compile(r"\s*([A-Za-z_]\w*)\s*\((.*)\)\s*", re.DOTALL)


@dataclass(frozen=True)
class FloatRange:
    """Numbers from low to high; with `is_log`, each factor is as probable as any other."""

    key: str
    low: float
    high: float
    is_log: bool = False

    @property
    def samples(self) -> tuple[str, ...]:
        """The values, as YAML, on which the range is checked: both ends and one in between."""
        middle = self.low**0.5 * self.high**0.5 if self.is_log else (self.low + self.high) / 2
        return tuple(to_flow_yaml(value) for value in (self.low, middle, self.high))


@dataclass(frozen=True)
class IntRange:
    """Whole numbers from low to high in steps; high is one of them."""

    key: str
    low: int
    high: int
    step: int = 1

    @property
    def samples(self) -> tuple[str, ...]:
        """The values, as YAML, on which the range is checked: both ends."""
        return str(self.low), str(self.high)

    @property
    def values(self) -> Iterator[str]:
        """All values, as YAML, one at a time: there may be very many."""
        return map(str, range(self.low, self.high + 1, self.step))


@dataclass(frozen=True)
class Choice:
    """One of several values. values: as YAML."""

    key: str
    values: tuple[str, ...]

    @property
    def samples(self) -> tuple[str, ...]:
        """The values, as YAML, on which the range is checked: all of them."""
        return self.values


Range: TypeAlias = FloatRange | IntRange | Choice


def split_ranges(words: Sequence[str]) -> tuple[list[str], list[Range]]:
    """Returns the words that fix a key, as they are, and the ranges. Raises ConfigError with all mistakes."""
    fixed: list[str] = []
    ranges: list[Range] = []
    mistakes: list[str] = []
    for word in words:
        try:
            read = read_range(word)
        except UsageError as error:
            mistakes.append(str(error))
            continue
        if read is None:
            fixed.append(word)
        else:
            ranges.append(read)
    if mistakes := [*mistakes, *_overlaps(ranges), *_overwritten(fixed, ranges)]:
        raise ConfigError([f"{COMMAND_LINE.source}: {mistake}" for mistake in mistakes])
    return fixed, ranges


def refuse_cut_words(words: Sequence[str]) -> None:
    """Raises UsageError for a range that a shell has cut into several words."""
    for number, word in enumerate(words):
        if "=" not in word:
            continue
        for last in range(number, len(words)):
            typed = " ".join(words[number : last + 1])
            if _open_brackets(typed) <= 0:
                break
        if (is_whole := not _open_brackets(typed)) and last == number:
            continue
        cause = (
            "which the shell has cut; write it in quotes" if _open_brackets(typed) >= 0 else "with one ) or ] too many"
        )
        whole = typed.replace(" ", "") if is_whole else f"{word.partition('=')[0]}=log(1e-3,1)"
        raise UsageError(
            f"expected key=range in one word, found '{typed}', {cause}{'' if is_whole else '; write for example'}: "
            f"{shell_command(whole)}"
        )


def _open_brackets(text: str) -> int:
    return sum((letter in "([{") - (letter in ")]}") for letter in text)


def read_range(word: str) -> Range | None:
    """Returns the range of a word, None for a word that fixes a key. Raises UsageError."""
    key, _, text = word.partition("=")
    if text.strip().startswith("["):
        return _read_choice(key, text)
    _refuse_other_notations(key, text.strip())
    call = _CALL.fullmatch(text)
    if call is None:
        return None
    name, numbers = call[1], call[2].split(",")
    if name == "int":
        return _read_int(key, text, numbers)
    if name in ("log", "uniform"):
        return _read_float(key, text, numbers, is_log=name == "log")
    mend = did_you_mean(name, EXAMPLES) or f"; write for example {_example(key, 'uniform')}"
    raise UsageError(f"{key}: expected a range: log(…), uniform(…), int(…) or a choice [a,b], found '{text}'{mend}")


def _refuse_other_notations(key: str, text: str) -> None:
    """Raises UsageError for `0.1,0.2` and `0.001..0.1`, which mean ranges in other programs and values here."""
    mend = None
    if interval := _INTERVAL.fullmatch(text):
        mend = f"{key}=uniform({interval[1]},{interval[2]})"
    elif (_LIST.fullmatch(text) and key != "name") or (key.endswith(".name") and _NAMES.fullmatch(text)):
        mend = f"{key}=[{text.rstrip(',')}]"
    if mend:
        raise UsageError(
            f"{key}: expected a range: log(…), uniform(…), int(…) or a choice [a,b], found '{text}'; write "
            f"{shell_command(mend)}"
        )


def _read_float(key: str, text: str, numbers: Sequence[str], *, is_log: bool) -> FloatRange:
    name = "log" if is_log else "uniform"
    values = _numbers(numbers)
    if values is None or len(values) != 2:
        raise UsageError(f"{key}: expected two numbers, found '{text}'; write for example {_example(key, name)}")
    low, high = values
    if low >= high:
        raise UsageError(f"{key}: expected the smaller number first, found '{text}'; {_turned(key, name, low, high)}")
    if is_log and low <= 0:
        raise UsageError(
            f"{key}: expected numbers above 0, as a logarithm needs, found '{text}'; write a small number in the place "
            f"of {to_flow_yaml(low)}, or {shell_command(f'{key}=uniform({to_flow_yaml(low)},{to_flow_yaml(high)})')}"
        )
    return FloatRange(key, float(low), float(high), is_log=is_log)


def _read_int(key: str, text: str, numbers: Sequence[str]) -> IntRange:
    values = _numbers(numbers)
    if values is None or len(values) not in (2, 3) or not all(isinstance(value, int) for value in values):
        raise UsageError(
            f"{key}: expected two whole numbers, and perhaps a step, found '{text}'; write for example "
            f"{_example(key, 'int')}"
        )
    low, high, step = (int(value) for value in (*values, 1)[:3])
    if max(abs(low), abs(high)) > LARGEST_INT:
        raise UsageError(f"{key}: expected whole numbers of at most {LARGEST_INT}, found '{text}'; write smaller ones")
    if low >= high:
        raise UsageError(f"{key}: expected the smaller number first, found '{text}'; {_turned(key, 'int', low, high)}")
    if not 1 <= step <= high - low:
        raise UsageError(f"{key}: expected a step from 1 to {high - low}, found '{text}'; write another, or none")
    return IntRange(key, low, high - (high - low) % step, step)


def _turned(key: str, name: str, low: float, high: float) -> str:
    if low == high:
        return f"write {key}={to_flow_yaml(low)} for a single value"
    return f"write {shell_command(f'{key}={name}({to_flow_yaml(high)},{to_flow_yaml(low)})')}"


def _numbers(texts: Sequence[str]) -> list[int | float] | None:
    """Returns finite numbers, None if a text is something else."""
    values = []
    for text in texts:
        try:
            value = read_scalar(text.strip())
        except ValueError:
            return None
        if isinstance(value, bool) or not isinstance(value, int | float) or abs(value) > 1e300 or value != value:
            return None
        values.append(value)
    return values


def _read_choice(key: str, text: str) -> Choice:
    values, issues = read_value(text, tuple(key.split(".")))
    if issues or not isinstance(values, list) or not values:
        reason = f": {issues[0].finding}" if issues else ""
        raise UsageError(
            f"{key}: expected a choice such as [a,b], found '{text}'{reason}; write for example "
            f"{shell_command(f'{key}=[a,b]')}"
        )
    texts = [to_flow_yaml(value) for value in values]
    if repeated := [each for each in texts if texts.count(each) > 1]:
        raise UsageError(f"{key}: expected each choice once, found {repeated[0]} more than once; leave out the others")
    return Choice(key, tuple(texts))


def _example(key: str, name: str) -> str:
    return shell_command(f"{key}={EXAMPLES[name]}")


def _overlaps(ranges: Sequence[Range]) -> Iterator[str]:
    """Yields what is wrong with keys that have two ranges, or one for their section too."""
    keys = [each.key for each in ranges]
    for key in dict.fromkeys(keys):
        if keys.count(key) > 1:
            yield (
                f"{key}: expected one range, found {keys.count(key)}; leave out all but one (of {{a,b}} a shell makes "
                f"two words: write {shell_command(f'{key}=[a,b]')})"
            )
        if within := [other for other in keys if other.startswith(f"{key}.")]:
            yield f"{key}: expected a range for it or for its keys, found one for {within[0]} too; leave one out"


def _overwritten(fixed: Sequence[str], ranges: Sequence[Range]) -> Iterator[str]:
    """Yields each word whose value no trial would have, as a range takes its place."""
    for word in fixed:
        key = word.partition("=")[0]
        if over := [each.key for each in ranges if key == each.key or key.startswith(f"{each.key}.")]:
            yield f"{key}: expected a value or a range, found '{word}' and a range for {over[0]}; leave one out"
