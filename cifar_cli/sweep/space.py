"""The settings that a sweep searches: a configuration, the words that change it, and the ranges of some of its keys."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import islice, product

from cifar_cli.config import Experiment
from cifar_cli.config.config_files import ConfigFile
from cifar_cli.config.load import load_read
from cifar_cli.config.schema import CHOICES
from cifar_cli.config.variants import NAME_KEYS, Variant, has_key, load_variant
from cifar_cli.config.yaml.source_locations import COMMAND_LINE
from cifar_cli.errors import ConfigError, UsageError
from cifar_cli.shell import shell_command
from cifar_cli.sweep.ranges import Choice, FloatRange, Range

MAX_COMBINATIONS = 64  # of names: so many are checked before a sweep begins
MAX_GRID = 100_000  # combinations
# Keys that no sweep searches, each with the reason: they do not change the network, or they change what measures it.
FIXED_KEYS = {
    "name": "it only names the runs",
    "seed": "a seed is no setting to choose; --seeds measures how much the winner varies with it",
    "log": "it does not change what is learned",
    "evaluation": "trials are compared on validation images as they are",
    "train.device": "it does not change what is learned",
    "train.deterministic": "it does not change what is learned",
    "train.checkpoint_seconds": "it does not change what is learned",
}
# Of the section `data`, these alone: the others choose the images, and all trials are compared on the same ones.
DATA_KEYS = ("augment", "batch_size", "drop_last", "hard_example_fractions", "normalize")


@dataclass(frozen=True)
class SearchSpace:
    """A configuration with ranges. overrides: the words that fix a key for all trials."""

    config: ConfigFile
    overrides: tuple[str, ...]
    ranges: tuple[Range, ...]

    def base(self) -> Experiment:
        """Returns the experiment without the ranges. Raises ConfigError."""
        return _load_base(self.config, self.overrides)

    def variant(self, values: Mapping[str, str]) -> Variant:
        """Returns the experiment with these values, as YAML, in the place of the ranges. Raises ConfigError."""
        # Names first: the keys of a section depend on its name.
        words = [f"{key}={value}" for key, value in sorted(values.items(), key=lambda item: item[0] not in NAME_KEYS)]
        return load_variant(self.config, self.overrides, words)

    def next_range(self, values: Mapping[str, str]) -> Range | None:
        """Returns the next range to choose a value from, after these; None if there is none left.

        A range of a key that its section does not have, with the chosen name, is left out.
        """
        ordered = sorted(self.ranges, key=lambda each: not _decides_keys(each))
        waiting = (each for each in ordered if each.key not in values)
        return next((each for each in waiting if self._is_active(each, values)), None)

    def combinations(self) -> list[dict[str, str]]:
        """Returns all combinations of values. Only for ranges that all have a finite number of values."""
        return list(self._completed({}, first_only=False))

    def count_combinations(self) -> int:
        """Returns the number of combinations. Raises UsageError if there is no end of them, or none in sight."""
        if endless := [each.key for each in self.ranges if isinstance(each, FloatRange)]:
            raise UsageError(
                f"--sampler grid: expected choices and whole numbers, found a range of any numbers for {endless[0]}; "
                f"write for example {shell_command(f'{endless[0]}=[0.01,0.03,0.1]')}"
            )
        size = sum(1 for _ in islice(self._completed({}, first_only=False), MAX_GRID + 1))
        if size > MAX_GRID:
            raise UsageError(
                f"--sampler grid: expected at most {MAX_GRID} combinations, found more; search fewer keys "
                f"or values, or write --sampler random"
            )
        return size

    def representatives(self) -> list[dict[str, str]]:
        """Returns combinations of values in which each name meets each, and each range has its ends."""
        deciding = [each for each in self.ranges if _decides_keys(each)]
        pairs = product(*([(each.key, value) for value in each.samples] for each in deciding))
        firsts = [next(self._completed(dict(names), first_only=True)) for names in islice(pairs, MAX_COMBINATIONS)]
        found = list(firsts)
        for each in self.ranges:
            if _decides_keys(each):  # there may be more combinations of names than are looked at
                found += [next(self._completed({each.key: value}, first_only=True)) for value in each.samples]
                continue
            first = next((values for values in firsts if each.key in values), None)
            # No name has such a key: with the key set, the configuration's own check says so.
            found += [{**(first or firsts[0]), each.key: value} for value in each.samples]
        return [dict(pairs) for pairs in dict.fromkeys(tuple(values.items()) for values in found)]

    def check(self) -> list[Variant]:
        """Returns the representatives' variants. Raises ConfigError with all mistakes in the configuration and ranges.

        Every end of a range and every choice goes through the check that a configuration goes through.
        """
        base = self.base()
        mistakes = [*self._fixed_keys(), *([] if base.data.val_size != 0 else [_NO_VALIDATION])]
        if mistakes:
            raise ConfigError(mistakes)
        variants: list[Variant] = []
        for values in self.representatives():
            try:
                variants.append(self.variant(values))
            except ConfigError as error:
                mistakes += error.issues
        if mistakes:
            # Of a range of numbers, one end says what is wrong.
            first = {self._subject(mistake): mistake for mistake in reversed(mistakes)}
            raise ConfigError([f"{mistake}{self._hint(mistake)}" for mistake in reversed(first.values())])
        return variants

    def _completed(self, values: dict[str, str], *, first_only: bool) -> Iterator[dict[str, str]]:
        """Yields the combinations that begin with these values."""
        following = self.next_range(values)
        if following is None:
            yield values
            return
        for value in following.samples[:1] if first_only else _all_values(following):
            yield from self._completed({**values, following.key: value}, first_only=first_only)

    def _is_active(self, each: Range, values: Mapping[str, str]) -> bool:
        section, _, key = each.key.partition(".")
        if section not in CHOICES or not key or key == "name":
            return True
        name = values.get(f"{section}.name") or getattr(self.base(), section).name
        return has_key(section, name, key.partition(".")[0])

    def _fixed_keys(self) -> Iterator[str]:
        for each in self.ranges:
            for key, reason in FIXED_KEYS.items():
                if each.key == key or each.key.startswith(f"{key}.") or key.startswith(f"{each.key}."):
                    yield _unsearchable(each.key, reason)
                    break
            section, _, key = each.key.partition(".")
            is_known = any(key in CHOICES["data"].keys_of(name).model_fields for name in CHOICES["data"].table)
            if section == "data" and (not key or (is_known and key not in DATA_KEYS)):
                yield _unsearchable(each.key, "all trials are compared on the same images")

    def _subject(self, mistake: str) -> str:
        """Returns the key of a range of numbers, for a mistake about it; else the whole mistake."""
        numbers = (each.key for each in self.ranges if not isinstance(each, Choice))
        return next((key for key in numbers if mistake.startswith(f"{COMMAND_LINE.source}: {key}: ")), mistake)

    def _hint(self, mistake: str) -> str:
        """Returns how to write the range of the key that a mistake is about, if another form of it is right."""
        for each in self.ranges:
            if not mistake.startswith(f"{COMMAND_LINE.source}: {each.key}: "):
                continue
            others = {}
            if isinstance(each, Choice):
                whole = f"[{', '.join(each.values)}]"
                others = {f"{each.key}=[{whole}]": whole}
            elif isinstance(each, FloatRange) and each.low.is_integer() and each.high.is_integer():
                others = {f"{each.key}=int({each.low:.0f},{each.high:.0f})": f"{each.low:.0f}"}
            for word, value in others.items():
                try:
                    self.variant({**self.representatives()[0], each.key: value})
                except ConfigError:
                    continue
                return f"; as a range, write {shell_command(word)}"
        return ""


@cache
def _load_base(file: ConfigFile, overrides: Sequence[str]) -> Experiment:
    return load_read(file, overrides)


_NO_VALIDATION = (
    "data.val_size: expected held-out images, on which the trials are compared, found 0; write for example "
    "data.val_size=5000"
)


def _unsearchable(key: str, reason: str) -> str:
    return f"{COMMAND_LINE.source}: {key}: expected a key that a sweep can search: {reason}; fix it"


def _decides_keys(each: Range) -> bool:
    return each.key in NAME_KEYS


def _all_values(each: Range) -> Iterable[str]:
    assert not isinstance(each, FloatRange)
    return each.values
