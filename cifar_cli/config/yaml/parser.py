"""Parses YAML into a tree of values with their locations. Refuses the features of YAML that surprise readers."""

import re
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any, NoReturn, TypeAlias

import yaml
from yaml.reader import ReaderError

from cifar_cli.config.yaml.scalars import read_scalar
from cifar_cli.config.yaml.source_locations import Issue, KeyPath, SourceLocation

MAX_DEPTH = 50
MAX_NODES = 10_000

_CONTROL_CHARACTER = re.compile("[\x00-\x1f\x7f-\x9f\ud800-\udfff]")

Scalar: TypeAlias = bool | int | float | str | None


class UnreadableError(Exception):
    """The text at `location` is not YAML, or uses a feature of YAML that is not accepted."""

    def __init__(self, message: str, location: SourceLocation) -> None:
        super().__init__(message)
        self.location = location


@dataclass
class Node:
    """A value with its location. start: its first character; end: the character after its last.

    keys: start and end of a mapping's keys; size: the number of values in it, with aliases expanded; height: the depth
    of its nesting.
    """

    value: "Scalar | list[Node] | dict[str, Node]"
    start: SourceLocation
    end: SourceLocation
    keys: dict[str, tuple[SourceLocation, SourceLocation]] = field(default_factory=dict)
    is_block: bool = False
    size: int = 1
    height: int = 0

    def add(self, child: "Node") -> None:
        """Adds a child to `size` and `height`."""
        self.size += child.size
        self.height = max(self.height, child.height + 1)


def parse(text: str, source: str) -> tuple[Node | None, list[Issue]]:
    """Returns the tree, None for an empty text, and an issue for each repeated key.

    source: the text's name in messages. Raises UnreadableError.
    """
    parser = _Parser(source, text)
    try:
        return parser.document(), parser.issues
    except ReaderError as error:
        line, column = text.count("\n", 0, error.position), error.position - text.rfind("\n", 0, error.position) - 1
        location = SourceLocation(source, line + 1, column + 1)
        raise UnreadableError(
            f"the control character {chr(error.character)!r} is not read; take it away", location
        ) from error
    except yaml.MarkedYAMLError as error:
        raise UnreadableError(
            "not valid YAML: " + _in_plain_words(error), parser.location(_error_mark(error))
        ) from error
    except (ValueError, OverflowError) as error:  # for example "\UFFFFFFFF", which is not a character
        finding = "not valid YAML: a \\U in quotes that stands for no character; use single quotes around the text"
        raise UnreadableError(finding, SourceLocation(source)) from error


def control_character_in(text: str) -> str | None:
    """Returns the message about the text's first control character, None if it has none.

    Quoted text can contain them as escapes; no key or value needs them, not even line breaks.
    """
    match = _CONTROL_CHARACTER.search(text)
    return f"the control character {match.group()!r} is not read; take it away" if match else None


class _Parser:
    """Builds the tree from PyYAML's events, one at a time, so that limits apply before memory is used."""

    def __init__(self, source: str, text: str) -> None:
        self.source = source
        self.events: Iterator[Any] = yaml.parse(text, Loader=yaml.SafeLoader)
        self.anchors: dict[str, Node | None] = {}
        self.issues: list[Issue] = []
        self.size = 0

    def location(self, mark: Any) -> SourceLocation:
        return SourceLocation(self.source, mark.line + 1, mark.column + 1)

    def refuse(self, event: Any, message: str) -> NoReturn:
        raise UnreadableError(message, self.location(event.start_mark))

    def document(self) -> Node | None:
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            return None
        root = self.node(next(self.events), ())
        next(self.events)  # the end of the document
        following = next(self.events)
        if isinstance(following, yaml.DocumentStartEvent):
            self.refuse(following, "a second document begins; expected one only, write no '---'")
        return root

    def node(self, event: Any, path: KeyPath) -> Node:
        if isinstance(event, yaml.AliasEvent):
            node = self.alias(event)
        else:
            if event.tag is not None:
                self.refuse(event, f"the tag '{_shown(event.tag)}' is not read; leave it out")
            if event.anchor is not None:
                self.anchors[event.anchor] = None
            node = self.scalar(event) if isinstance(event, yaml.ScalarEvent) else self.collection(event, path)
            if event.anchor is not None:
                self.anchors[event.anchor] = node
        if len(path) + node.height > MAX_DEPTH:
            self.refuse(event, f"nested more than {MAX_DEPTH} levels deep")
        return node

    def alias(self, event: Any) -> Node:
        if event.anchor not in self.anchors:
            self.refuse(event, f"*{event.anchor} refers to nothing; there is no &{event.anchor}")
        node = self.anchors[event.anchor]
        if node is None:
            self.refuse(event, f"*{event.anchor} stands inside its own value")
        self.count(node.size, event)
        return node

    def count(self, nodes: int, event: Any) -> None:
        self.size += nodes
        if self.size > MAX_NODES:
            self.refuse(event, f"more than {MAX_NODES:,} values, aliases written out")

    def scalar(self, event: Any) -> Node:
        self.count(1, event)
        try:
            value = event.value if event.style else read_scalar(event.value)
        except ValueError as error:
            self.refuse(event, f"{error} is not read")
        self.refuse_control_characters(event)
        return Node(value, self.location(event.start_mark), self.location(event.end_mark))

    def collection(self, event: Any, path: KeyPath) -> Node:
        self.count(1, event)
        if len(path) > MAX_DEPTH:
            self.refuse(event, f"nested more than {MAX_DEPTH} levels deep")
        fill = self.sequence if isinstance(event, yaml.SequenceStartEvent) else self.mapping
        return fill(event, path)

    def sequence(self, event: Any, path: KeyPath) -> Node:
        items: list[Node] = []
        node = Node(
            items, self.location(event.start_mark), self.location(event.end_mark), is_block=not event.flow_style
        )
        while not isinstance(item := next(self.events), yaml.SequenceEndEvent):
            items.append(self.node(item, (*path, len(items))))
            node.add(items[-1])
        node.end = self.location(item.end_mark)
        return node

    def mapping(self, event: Any, path: KeyPath) -> Node:
        entries: dict[str, Node] = {}
        node = Node(
            entries, self.location(event.start_mark), self.location(event.end_mark), is_block=not event.flow_style
        )
        while not isinstance(key := next(self.events), yaml.MappingEndEvent):
            name = self.key(key)
            value = self.node(next(self.events), (*path, name))
            if name in entries:
                self.issues.append(self.repeated_key((*path, name), key))
                continue
            entries[name] = value
            node.keys[name] = (self.location(key.start_mark), self.location(key.end_mark))
            node.add(value)
        node.end = self.location(key.end_mark)
        return node

    def repeated_key(self, path: KeyPath, event: Any) -> Issue:
        location = self.location(event.start_mark)
        return Issue(path, "the key is given twice", "keep one of the two", location=location, first=path)

    def key(self, event: Any) -> str:
        if not isinstance(event, yaml.ScalarEvent):
            self.refuse(event, "expected a word as the key, found a list, a mapping or an alias")
        if event.tag is not None:
            self.refuse(event, f"the tag '{_shown(event.tag)}' is not read; leave it out")
        if event.value == "<<" and not event.style:
            self.refuse(event, "merge keys (<<) are not read; write the keys out")
        self.refuse_control_characters(event)
        return str(event.value)

    def refuse_control_characters(self, event: Any) -> None:
        if finding := control_character_in(event.value):
            self.refuse(event, finding)


def _shown(tag: str) -> str:
    """Returns the tag as the file has it: PyYAML expands `!!`."""
    return tag.replace("tag:yaml.org,2002:", "!!")


_PLAIN_WORDS = (
    (r"mapping values are not allowed", "a ':' where no key can stand; mend the indentation, or quote the text"),
    (r"sequence entries are not allowed", "a list item where no list can stand; begin it on the next line"),
    (r"character '\\t'", "a tab; indent with spaces"),
    (r"could not find expected ':'", "a key without a ':' after it; write 'key: value'"),
    (r"found character (.*) that cannot start", r"a word that begins with \1; put it in quotes"),
    (r"found unexpected end of stream", "a quote that is never closed; write the second quote"),
    (r"expected ',' or ('.')", r"a bracket that is not closed, or a missing comma; write ',' or \1"),
    (r"expected the node content, but found '<stream end>'", "a bracket that is not closed; write its other half"),
    (r"expected the node content, but found ('.')", r"\1 where a value must stand; write one, or put it in quotes"),
    (r"expected <block end>, but found '(<block|\?)", "a line not in line with the ones above; mend the indentation"),
    (r"expected <block end>, but found", "something after the end of a value; take it away, or quote the whole"),
    (r"expected '<document start>'", "something after the end of the configuration; take it away"),
    (r"found unknown escape character ('.')", r"a backslash before \1; use single quotes around the text"),
)


def _in_plain_words(error: yaml.MarkedYAMLError) -> str:
    problem = error.problem or "it cannot be read"
    for pattern, words in _PLAIN_WORDS:
        if match := re.search(pattern, problem):
            return match.expand(words)
    return problem


def _error_mark(error: yaml.MarkedYAMLError) -> yaml.Mark:
    """Returns the start of an unclosed bracket or of a key without ':', else PyYAML's location of the error."""
    unclosed = ("unexpected end of stream", "<stream end>", "could not find expected ':'")
    if error.context_mark is not None and any(words in (error.problem or "") for words in unclosed):
        return error.context_mark
    assert error.problem_mark is not None
    return error.problem_mark
