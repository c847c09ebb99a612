"""Reads the comments of a YAML file, each with its key."""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from cifar_cli.config.yaml.parser import Node, parse
from cifar_cli.config.yaml.source_locations import KeyPath, SourceLocation

_BESIDE = re.compile(r"\s*:?\s+(#.*)|\s+(#.*)")


@dataclass(frozen=True)
class Comments:
    """The comments of one file. header: before the first key; above: lines above a key; beside: after a key's value."""

    header: Sequence[str] = ()
    above: Mapping[KeyPath, Sequence[str]] = field(default_factory=dict)
    beside: Mapping[KeyPath, str] = field(default_factory=dict)


NO_COMMENTS = Comments()


def read_comments(text: str) -> Comments:
    """Returns the comments of a text that parses without mistakes."""
    lines = text.splitlines()
    header: list[str] = []
    for line in lines:
        if not line.startswith("#"):
            break
        header.append(line.rstrip())
    root, _ = parse(text, "")
    assert root is not None
    above: dict[KeyPath, list[str]] = {}
    beside: dict[KeyPath, str] = {}
    for path, start, end in _ends(root, ()):
        if lines[start.line - 1][: start.column - 1].strip() in ("", "-"):
            comments = _above(lines, start.line - 1, len(header))
            if comments:
                above[path] = comments
        if match := _BESIDE.fullmatch(lines[end.line - 1][end.column - 1 :]):
            beside[path] = (match[1] or match[2]).rstrip()
    return Comments(header, above, beside)


def _ends(node: Node, path: KeyPath) -> list[tuple[KeyPath, SourceLocation, SourceLocation]]:
    """Returns for every key its start, and the end of its value, or of the key itself if the value is a block."""
    if isinstance(node.value, list):
        return [end for index, item in enumerate(node.value) for end in _ends(item, (*path, index))]
    if not isinstance(node.value, dict):
        return []
    ends = []
    for name, item in node.value.items():
        start, key_end = node.keys[name]
        # A text after `|` or `>` ends at the start of the next line.
        ends.append(((*path, name), start, key_end if item.is_block or item.end.column == 1 else item.end))
        ends += _ends(item, (*path, name))
    return ends


def _above(lines: Sequence[str], line: int, header_lines: int) -> list[str]:
    """Returns the comment lines directly above a line. line: counted from 0."""
    first = line
    while first > header_lines and lines[first - 1].lstrip().startswith("#"):
        first -= 1
    return [comment.strip() for comment in lines[first:line]]
