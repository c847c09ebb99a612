"""The locations of keys and values in a file or on the command line, and mistakes at such locations."""

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import TypeAlias

from cifar_cli.shell import shell_command

KeyPath: TypeAlias = tuple[str | int, ...]
"""From the top of the configuration to a value: ("model", "layers", 0, "conv1", "out_channels")."""


def dotted(path: KeyPath) -> str:
    """Returns the path joined by dots, with a layer's name but not its number: `model.layers.conv1.bias`."""
    if path[:2] == ("model", "layers") and len(path) > 3 and isinstance(path[2], int):
        path = path[:2] + path[3:]
    return ".".join(str(part) for part in path)


@dataclass(frozen=True)
class SourceLocation:
    """A character in a text; lines and columns count from 1. Line 0 means the whole source."""

    source: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.source}:{self.line}:{self.column}" if self.line else self.source


COMMAND_LINE = SourceLocation("command line")


@dataclass
class SourceLocations:
    """The locations of the keys and values of one configuration. builtin: its name if it comes with the program."""

    start: SourceLocation
    builtin: str | None = None
    keys: dict[KeyPath, SourceLocation] = field(default_factory=dict)
    values: dict[KeyPath, SourceLocation] = field(default_factory=dict)

    def of_key(self, path: KeyPath) -> SourceLocation:
        """Returns the location of a key, or of the nearest enclosing key that has a location."""
        return self._nearest(self.keys, path)

    def of_value(self, path: KeyPath) -> SourceLocation:
        """Returns the location of a value, or of the nearest enclosing value that has a location."""
        return self._nearest(self.values, path)

    def _nearest(self, locations: dict[KeyPath, SourceLocation], path: KeyPath) -> SourceLocation:
        for length in range(len(path), 0, -1):
            if path[:length] in locations:
                return locations[path[:length]]
        return self.start

    def set_on_command_line(self, path: KeyPath) -> None:
        """Sets the location of the value at `path`, and of all values in it, to the command line."""
        for locations in (self.keys, self.values):
            for known in [known for known in locations if known[: len(path)] == path]:
                del locations[known]
            locations[path] = COMMAND_LINE


@dataclass(frozen=True)
class Issue:
    """One mistake: the path of its key, the finding, and the mend.

    at_key: the key is wrong, not its value. location: for a mistake that is not at the location of `path`. first: the
    path of the earlier use of a repeated key or name. word: the key=value that mends it on the command line.
    """

    path: KeyPath
    finding: str
    mend: str = ""
    at_key: bool = False
    location: SourceLocation | None = None
    first: KeyPath | None = None
    word: str | None = None


def report(issues: Iterable[Issue], locations: SourceLocations) -> list[str]:
    """Returns `location: key: finding; mend` for each issue: the file's from top to bottom, then the command line's."""
    sentences = []
    for issue in issues:
        location = issue.location or (locations.of_key if issue.at_key else locations.of_value)(issue.path)
        finding = issue.finding
        if issue.first is not None and (first := locations.of_key(issue.first)).line:
            finding += f", first on line {first.line}"
        key = f"{dotted(issue.path)}: " if issue.path else ""
        order = (location == COMMAND_LINE, location.line, location.column)
        mend = issue.mend
        if locations.builtin is not None and location.source == locations.start.source:
            mend = _mend_of_builtin(issue, locations.builtin)
        sentences.append((order, f"{location}: {key}{finding}{mend and '; ' + mend}"))
    return [sentence for _, sentence in sorted(sentences, key=lambda item: item[0])]


def _mend_of_builtin(issue: Issue, name: str) -> str:
    """Returns the mend of a mistake in a built-in configuration, whose file is not the person's own to change."""
    if issue.word is not None:
        return f"write {shell_command(issue.word)} on the command line"
    copy = f"do so in a copy, {shell_command('cifar', 'config', 'copy', name)}, or on the command line"
    return f"{issue.mend}; {copy}" if issue.mend else copy
