"""Writes the key reference, docs/keys.md: every key with its meaning, what is expected, and its default.

`python -m cifar_cli.config.key_reference > cifar_cli/docs/keys.md` brings the page up to date. What is expected and the
defaults come from the classes of the schema; the meanings are the comments of the page docs/configuration.md.
"""

import re
from collections.abc import Iterator, Mapping
from pathlib import Path

from pydantic.fields import FieldInfo

from cifar_cli.config.schema import GROUP_KINDS, KINDS, Experiment, Kinds
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.section import Section

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


def key_reference(meanings: Mapping[str, str], kinds: Mapping[str, Kinds] = KINDS) -> str:
    """Returns the key reference as Markdown. meanings: a sentence for each key's path; kinds: as the schema's KINDS."""
    parts = [HEAD, *_section((), Experiment, meanings, kinds)]
    return "\n".join(parts)


def _section(
    path: tuple[str, ...], section: type[Section], meanings: Mapping[str, str], kinds: Mapping[str, Kinds]
) -> Iterator[str]:
    """Yields a table of the section's own keys, then what belongs to the sections in it."""
    inner: dict[tuple[str, ...], Kinds] = {}
    own: list[tuple[str, FieldInfo]] = []
    for key, field in section.model_fields.items():
        below = ".".join((*path, key))
        if below in kinds:
            inner[(*path, key)] = kinds[below]
        elif isinstance(field.annotation, type) and issubclass(field.annotation, Section):
            inner[(*path, key)] = {"": field.annotation}
        elif key != "name" or ".".join(path) not in kinds:  # such a name stands in the title
            own.append((key, field))
    yield from _table(path, own, meanings)
    for below_path, choices in inner.items():
        name = ".".join(below_path)
        for kind, chosen in choices.items():
            title = f"{name}: {{name: {kind}}}" if kind else name
            yield f"## {title}\n\n{_description(chosen)}\n"
            yield from _section(below_path, chosen, meanings, kinds)
        if name == "optimizer":
            yield f"## optimizer.groups\n\n{GROUPS}\n"
            yield from _table((*below_path, "groups"), _group_keys(choices), meanings)


def _group_keys(optimizers: Kinds) -> list[tuple[str, FieldInfo]]:
    """Returns the keys that a group of parameters has beside those of its optimizer."""
    name, group = next(iter(GROUP_KINDS.items()))
    return [(key, field) for key, field in group.model_fields.items() if key not in optimizers[name].model_fields]


def _table(path: tuple[str, ...], keys: list[tuple[str, FieldInfo]], meanings: Mapping[str, str]) -> Iterator[str]:
    if not keys:
        return
    yield "| key | what it does | expected | default |\n| --- | --- | --- | --- |"
    for key, field in keys:
        full = ".".join((*path, key))
        default = "none: has to be given" if field.is_required() else f"`{to_flow_yaml(field.default)}`"
        yield (
            "| "
            + " | ".join(_cell(text) for text in (f"`{full}`", meanings[full], str(field.description), default))
            + " |"
        )
    yield ""


def _description(section: type[Section]) -> str:
    """Returns the first paragraph of the class's docstring."""
    assert section.__doc__
    return " ".join(section.__doc__.partition("\n\n")[0].split())


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


def current_key_reference() -> str:
    """Returns what docs/keys.md has to say."""
    return key_reference({path: meaning for path, _, meaning in commented_keys(commented_page())})


if __name__ == "__main__":
    print(current_key_reference().rstrip())
