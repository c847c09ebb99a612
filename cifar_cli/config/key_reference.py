"""Writes the key reference, docs/keys.md: every key with its meaning, what is expected, and its default.

`python -m cifar_cli.config.key_reference > cifar_cli/docs/keys.md` brings the page up to date. What is expected and the
defaults come from the classes of the schema; the meanings are the comments of the page docs/configuration.md.
"""

import inspect
import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic.fields import FieldInfo

from cifar_cli.config.schema import CHOICES, GROUP, Experiment
from cifar_cli.config.validation_errors import expectation
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.data.transforms.table import AUGMENT
from cifar_cli.section import ChosenFrom, Section

PAGE = Path(__file__).parents[1] / "docs" / "configuration.md"
ONE_KEY = re.compile(r"(?P<indent> *)(?:# )?(?P<key>[a-z_]+):(?: (?P<value>\S.*?))??(?: +# (?P<meaning>.+))?")
NEXT_LINE = re.compile(r" {20,}# (?P<meaning>.+)")
HEAD = """\
# Key reference

Every key of a configuration: what it does, what is expected, and its default.

The page is generated from the program. [Configuration](configuration.md) has one example with all keys, and explains
overrides and parameter groups.
"""
GROUPS = (
    "An item of the list: some of the parameters, with the keys of the optimizer that its `name` chooses, and these:"
)


def commented_page() -> str:
    """Returns the YAML of docs/configuration.md that has every key with a comment."""
    chapter = PAGE.read_text(encoding="utf-8").partition("## Configuration in one page")[2]
    return chapter.partition("```yaml\n")[2].partition("```")[0]


def commented_keys(page: str) -> Iterator[tuple[str, str | None, str]]:
    """Yields the path, the value (None for a section) and the comment of each key, those behind a second # included."""
    keys: list[tuple[str, str | None, str]] = []
    path: list[tuple[int, str]] = []
    for line in page.splitlines():
        if more := NEXT_LINE.fullmatch(line):
            known, value, meaning = keys.pop()
            keys.append((known, value, f"{meaning} {more['meaning']}".strip()))
        elif key := ONE_KEY.fullmatch(line):
            while path and path[-1][0] >= len(key["indent"]):
                path.pop()
            path.append((len(key["indent"]), key["key"]))
            keys.append((".".join(name for _, name in path), key["value"], key["meaning"] or ""))
    yield from keys


def key_reference(meanings: Mapping[str, str], choices: Mapping[str, ChosenFrom] = CHOICES) -> str:
    """Returns the key reference as Markdown. meanings: a sentence for each key's path; choices: as in the schema."""
    return "\n".join([HEAD, *_section((), Experiment, meanings, choices)])


def _section(
    path: tuple[str, ...], section: type[Section], meanings: Mapping[str, str], choices: Mapping[str, ChosenFrom]
) -> Iterator[str]:
    """Yields a table of the section's own keys, then what belongs to the sections in it."""
    inner: dict[tuple[str, ...], type[Section] | ChosenFrom] = {}
    own: dict[str, FieldInfo] = {}
    for key, field in section.model_fields.items():
        below = (*path, key)
        if choice := choices.get(".".join(below)):
            inner[below] = choice
        elif below == ("data", "augment"):
            inner[below] = AUGMENT.section()
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            inner[below] = field.annotation
        elif key != "name" or ".".join(path) not in choices:  # such a name stands in the title
            own[key] = field
    yield from _table(path, own, meanings)
    for below, part in inner.items():
        if isinstance(part, ChosenFrom):
            yield from _choice(below, part, meanings, choices)
        else:
            yield f"## {'.'.join(below)}\n\n{_description(part)}\n"
            yield from _section(below, part, meanings, choices)


def _choice(
    path: tuple[str, ...], choice: ChosenFrom, meanings: Mapping[str, str], choices: Mapping[str, ChosenFrom]
) -> Iterator[str]:
    """Yields a chapter for each section that the name chooses; one for all of them if they have the same keys."""
    name, sections = ".".join(path), choice.sections()
    if choice.common and all(entry.model_fields.keys() == {"name"} for entry in choice.table.values()):
        yield f"## {name}\n\n{_description(choice.common)}\n"
        yield "".join(f"* `name: {kind}`: {_description(entry)}\n" for kind, entry in choice.table.items())
        yield from _section(path, next(iter(sections.values())), meanings, choices)
        return
    for kind, section in sections.items():
        yield f"## {name}: {{name: {kind}}}\n\n{_description(section)}\n"
        yield from _section(path, section, meanings, choices)
    if name == "optimizer":
        yield f"## optimizer.groups\n\n{GROUPS}\n"
        yield from _table((*path, "groups"), _group_keys(), meanings)


def _group_keys() -> dict[str, FieldInfo]:
    """Returns the keys that a group of parameters has beside those of its optimizer."""
    assert GROUP.common
    optimizer = next(iter(GROUP.table.values()))
    return {key: field for key, field in GROUP.common.model_fields.items() if key not in optimizer.model_fields}


def _table(path: tuple[str, ...], keys: Mapping[str, FieldInfo], meanings: Mapping[str, str]) -> Iterator[str]:
    if not keys:
        return
    yield "| key | what it does | expected | default |\n| --- | --- | --- | --- |"
    for key, field in keys.items():
        full = ".".join((*path, key))
        default = (
            "none: has to be given"
            if field.is_required()
            else f"`{to_flow_yaml(field.get_default(call_default_factory=True))}`"
        )
        yield (
            "| "
            + " | ".join(_cell(text) for text in (f"`{full}`", meanings[full], expectation(field)[0], default))
            + " |"
        )
    yield ""


def _description(section: type[Section]) -> str:
    """Returns the first paragraph of the class's docstring, or of the docstring that it inherits."""
    words = inspect.getdoc(section)
    assert words
    return " ".join(words.partition("\n\n")[0].split())


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def current_key_reference() -> str:
    """Returns what docs/keys.md has to say."""
    return key_reference({path: meaning for path, _, meaning in commented_keys(commented_page())})


if __name__ == "__main__":
    print(current_key_reference().rstrip())
