"""Where in a file or on the command line a key stands, and a mistake at such a place. Knows not what is right."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

KeyPath: TypeAlias = tuple[str | int, ...]
"""From the top of the configuration to a value: ("model", "layers", 0, "conv1", "out_channels")."""


def dotted(path: KeyPath) -> str:
    """Returns the path as a person writes it: a layer's name stands for its number in `model.layers.conv1.bias`."""
    if path[:2] == ("model", "layers") and len(path) > 3 and isinstance(path[2], int):
        path = path[:2] + path[3:]
    return ".".join(str(part) for part in path)


@dataclass(frozen=True)
class SourceLocation:
    """A character in a text; lines and columns count from 1. Without a line it is the whole source."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


COMMAND_LINE = SourceLocation("command line")


@dataclass
class SourceLocations:
    """Where the keys of one configuration and their values stand."""

    start: SourceLocation
    keys: dict[KeyPath, SourceLocation] = field(default_factory=dict)
    values: dict[KeyPath, SourceLocation] = field(default_factory=dict)

    def of_key(self, path: KeyPath) -> SourceLocation:
        """Returns where the key stands, or the nearest key around it that stands anywhere."""
        return self._nearest(self.keys, path)

    def of_value(self, path: KeyPath) -> SourceLocation:
        """Returns where the value stands, or the nearest value around it that stands anywhere."""
        return self._nearest(self.values, path)

    def _nearest(self, places: dict[KeyPath, SourceLocation], path: KeyPath) -> SourceLocation:
        for length in range(len(path), 0, -1):
            if path[:length] in places:
                return places[path[:length]]
        return self.start

    def give_to_command_line(self, path: KeyPath) -> None:
        """Notes that the value at `path`, with all that is in it, was set on the command line."""
        for places in (self.keys, self.values):
            for known in [known for known in places if known[: len(path)] == path]:
                del places[known]
            places[path] = COMMAND_LINE


@dataclass(frozen=True)
class Issue:
    """One mistake: the key, what is wrong with it, and what to do.

    at_key: whether it is the key that is wrong, not its value. place: where it is, if the path alone does not tell.
    first: where the same key or name stood before.
    """

    path: KeyPath
    finding: str
    mend: str = ""
    at_key: bool = False
    place: SourceLocation | None = None
    first: KeyPath | None = None


def report(problems: Iterable[Issue], places: SourceLocations) -> list[str]:
    """Returns `place: key: finding; mend` for each problem: the file's from top to bottom, then the command line's."""
    sentences = []
    for problem in problems:
        place = problem.place or (places.of_key if problem.at_key else places.of_value)(problem.path)
        finding = problem.finding
        if problem.first is not None and (first := places.of_key(problem.first)).line:
            finding += f", first on line {first.line}"
        key = f"{dotted(problem.path)}: " if problem.path else ""
        order = (place == COMMAND_LINE, place.line, place.column)
        sentences.append((order, f"{place}: {key}{finding}{problem.mend and '; ' + problem.mend}"))
    return [sentence for _, sentence in sorted(sentences, key=lambda item: item[0])]
