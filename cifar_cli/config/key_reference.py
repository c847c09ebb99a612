"""Writes the key reference, docs/keys.md: every key with its meaning, what is expected, and its default.

`python -m cifar_cli.config.key_reference > cifar_cli/docs/keys.md` brings the page up to date. All of it
comes from the fields of the sections and of the component tables: the title, what is expected, the default.
"""

import inspect
from collections.abc import Iterator, Mapping

from pydantic.fields import FieldInfo

from cifar_cli.config.schema import CHOICES, Experiment
from cifar_cli.config.sections import GROUP
from cifar_cli.config.validation_errors import expectation
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.data.transforms.table import AUGMENT
from cifar_cli.section import ChosenFrom, Section

HEAD = """\
# Key reference

Every key of a configuration: what it does, what is expected, and its default.

The page is generated from the program. [Configuration](configuration.md) has one example with all keys, and explains
overrides and parameter groups.
"""
GROUPS = (
    "An item of the list: some of the parameters, with the keys of the optimizer that its `name` chooses, and these:"
)


def key_reference(choices: Mapping[str, ChosenFrom] = CHOICES) -> str:
    """Returns the key reference as Markdown. choices: as in the schema."""
    return "\n".join([HEAD, *_section((), Experiment, choices)])


def _section(path: tuple[str, ...], section: type[Section], choices: Mapping[str, ChosenFrom]) -> Iterator[str]:
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
    yield from _table(path, own)
    for below, part in inner.items():
        if isinstance(part, ChosenFrom):
            yield from _choice(below, part, choices)
        else:
            yield f"## {'.'.join(below)}\n\n{_description(part)}\n"
            yield from _section(below, part, choices)


def _choice(path: tuple[str, ...], choice: ChosenFrom, choices: Mapping[str, ChosenFrom]) -> Iterator[str]:
    """Yields a chapter for each section of the table; or one for all, and one for each with keys of its own."""
    name, sections = ".".join(path), choice.sections()
    if choice.common and next(iter(choice.table.values())).model_fields.keys() == {"name"}:
        yield f"## {name}\n\n{_description(choice.common)}\n"
        yield "".join(f"* `name: {kind}`: {_description(entry)}\n" for kind, entry in choice.table.items())
        yield from _section(path, next(iter(sections.values())), choices)
        for kind, entry in choice.table.items():
            if own := {key: field for key, field in entry.model_fields.items() if key != "name"}:
                yield f"## {name}: {{name: {kind}}}\n\n{_description(entry)}\n"
                yield from _table(path, own)
        return
    for kind, section in sections.items():
        yield f"## {name}: {{name: {kind}}}\n\n{_description(section)}\n"
        yield from _section(path, section, choices)
    if name == "optimizer":
        yield f"## optimizer.groups\n\n{GROUPS}\n"
        yield from _table((*path, "groups"), _group_keys())


def _group_keys() -> dict[str, FieldInfo]:
    """Returns the keys that a group of parameters has beside those of its optimizer."""
    assert GROUP.common
    optimizer = next(iter(GROUP.table.values()))
    return {key: field for key, field in GROUP.common.model_fields.items() if key not in optimizer.model_fields}


def _table(path: tuple[str, ...], keys: Mapping[str, FieldInfo]) -> Iterator[str]:
    if not keys:
        return
    yield "| key | what it does | expected | default |\n| --- | --- | --- | --- |"
    for key, field in keys.items():
        full = ".".join((*path, key))
        assert field.title, full
        default = (
            "none: has to be given"
            if field.is_required()
            else f"`{to_flow_yaml(field.get_default(call_default_factory=True))}`"
        )
        yield (
            "| " + " | ".join(_cell(text) for text in (f"`{full}`", field.title, expectation(field)[0], default)) + " |"
        )
    yield ""


def _description(section: type[Section]) -> str:
    """Returns the first paragraph of the class's docstring, or of the docstring that it inherits."""
    words = inspect.getdoc(section)
    assert words
    return " ".join(words.partition("\n\n")[0].split())


def _cell(text: str) -> str:
    return text.replace("|", r"\|")


if __name__ == "__main__":
    print(key_reference().rstrip())
