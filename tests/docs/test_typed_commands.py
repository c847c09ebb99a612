"""What a reader of the README and the manual can type: commands, options, configurations, layers and keys exist."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from cifar_cli import config
from cifar_cli.cli import app
from cifar_cli.commands.docs import topics
from cifar_cli.config.config_files import builtins, read_config_file
from cifar_cli.config.keys import dotted_keys
from cifar_cli.config.sections import ParameterGroupKeys
from cifar_cli.lessons.table import LESSONS
from cifar_cli.sweep.ranges import split_ranges
from cifar_cli.sweep.space import SearchSpace

ROOT = Path(__file__).parents[2]
PAGES = {
    path.relative_to(ROOT).as_posix(): path.read_text(encoding="utf-8")
    for path in [ROOT / "README.md", *sorted((ROOT / "cifar_cli" / "docs").rglob("*.md"))]
}
PROGRAM = typer.main.get_command(app)
KEYS = {*dotted_keys(), *(f"optimizer.groups.{key}" for key in ParameterGroupKeys.model_fields)}
PLACEHOLDER = re.compile(r"[A-Z]{2,}|[\[\]…]|\w\|\w")  # RUN, [RUN], key=value …, list|show


EAGER = {"--help", "--version", "--install-completion", "--show-completion"}  # answered at once


def spans() -> Iterator[tuple[str, str]]:
    """Yields each piece of code within a sentence or a table, with its page."""
    for page, text in PAGES.items():
        for span in re.findall(r"`([^`\n]+)`", re.sub(r"```.*?```", "", text, flags=re.DOTALL)):
            yield page, span.replace(r"\|", "|")


def lines() -> Iterator[tuple[str, str]]:
    """Yields each line of the blocks for the shell, with its page, beginning with the word cifar."""
    for page, text in PAGES.items():
        for block in re.findall(r"```bash\n(.*?)```", text, re.DOTALL):
            for line in block.splitlines():
                for command in re.split(r" \| | && ", line):
                    if found := re.search(r"^cifar (.+)|-m cifar_cli (.+)", command):
                        yield page, f"cifar {found[1] or found[2]}"


TYPED = sorted({*lines(), *(pair for pair in spans() if pair[1].startswith("cifar "))})
READY = [pair for pair in TYPED if not PLACEHOLDER.search(pair[1])]
USAGES = [pair for pair in TYPED if PLACEHOLDER.search(pair[1])]


def context_of(group: Any) -> Any:
    return group.make_context("cifar", [], resilient_parsing=True)


def find_command(words: list[str]) -> tuple[Any, list[str]]:
    """Returns the command that the words name, and the words behind its name."""
    command, rest = PROGRAM, list(words)
    while rest and not rest[0].startswith("-") and hasattr(command, "resolve_command"):
        _, command, rest = command.resolve_command(context_of(command), rest)
    return command, rest


def options_of(command: Any) -> set[str]:
    words = (word for parameter in command.params for word in (*parameter.opts, *parameter.secondary_opts))
    return {word for word in words if word.startswith("-")}


def check_ranges(source: str, words: list[str]) -> None:
    """Checks that each value of the ranges is valid, as `cifar sweep` does."""
    fixed, ranges = split_ranges(words)
    assert SearchSpace(read_config_file(source), tuple(fixed), tuple(ranges)).check()


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, photos: Path) -> None:
    """The folder that the reader is in, with the files that the pages have told to make: mine.yaml and photos.yaml."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "photos").symlink_to(photos)
    (written,) = re.findall(r"```yaml\n(# photos\.yaml\n.*?)```", PAGES["cifar_cli/docs/data.md"], re.DOTALL)
    (tmp_path / "photos.yaml").write_text(written, encoding="utf-8")
    (tmp_path / "mine.yaml").write_text(builtins()["sequential"].read_text(encoding="utf-8"), encoding="utf-8")


def test_there_are_commands_of_both_kinds() -> None:
    # Guards the tests below.
    assert len(READY) > 30
    assert len(USAGES) > 15
    assert len({page for page, _ in READY}) > 8


@pytest.mark.parametrize(("page", "line"), READY, ids=lambda value: value)
@pytest.mark.usefixtures("folder")
def test_what_is_ready_to_be_typed_is_understood(page: str, line: str) -> None:
    words = shlex.split(line, comments=True)[1:]
    command, rest = find_command(words)
    if asked := EAGER & set(rest):
        assert asked - {"--help"} <= options_of(command)
        return
    context = command.make_context("cifar", list(rest))  # a wrong option or a missing word ends here
    free = [word for word in context.params.get("words") or [] if isinstance(word, str)]
    overrides = [word for word in free if "=" in word]
    names = [word for word in free if "=" not in word]
    chosen = context.params.get("config")
    chosen = "sequential" if chosen == "-" else chosen  # what comes through a pipe
    if words[0] == "explain" and names and ".py:" in names[0]:
        names.pop()
    if words[0] in ("benchmark", "explain") and chosen is None and names and "--suite" not in words:
        chosen = names.pop()
    if words[0] == "sweep":  # every value of a range is valid
        check_ranges(chosen or "sequential", overrides)
        return
    experiment = config.load(chosen or "sequential", overrides)
    if words[0] == "visualize-layer" and names:
        assert names.pop() in {layer.name for layer in experiment.model.layers}
    if words[0] == "predict" or "--suite" in words:  # the reader's pictures, and a file to write
        names.clear()
    if words[0] in ("lesson", "docs"):
        known = {*LESSONS, "all"} if words[0] == "lesson" else set(topics())
        assert {word for word in rest if not word.startswith("-")} <= known
    if words[:2] in (["config", "copy"], ["config", "show"]):
        assert rest[0] in builtins()
    assert names == []


@pytest.mark.parametrize(("page", "line"), USAGES, ids=lambda value: value)
def test_a_usage_names_commands_and_options_that_exist(page: str, line: str) -> None:
    words = line.replace("[", "").replace("]", "").split()[1:]
    if re.fullmatch(r"[A-Z]+", words[0]):  # cifar COMMAND --help
        return
    *names, last = words[: 2 if words[0] in ("config", "data") else 1]
    for name in last.split("|"):
        command, _ = find_command([*names, name])
        assert not hasattr(command, "resolve_command"), f"{line} names no command"
        assert {word for word in words if word.startswith("--")} <= options_of(command)


@pytest.mark.parametrize("page", PAGES)
def test_options_within_sentences_exist(page: str) -> None:
    known = set().union(*(options_of(command) for _, command in commands()))
    named = {word for place, span in spans() if place == page for word in re.findall(r"^--[a-z-]+", span)}
    assert named - known == set()


@pytest.mark.parametrize("page", PAGES)
def test_keys_and_their_values_within_sentences_are_valid(page: str) -> None:
    sections = {path.partition(".")[0] for path in KEYS if "." in path}
    for place, span in spans():
        for word in span.split():
            key, equals, value = word.partition("=")
            if place != page or key.partition(".")[0] not in sections or not re.fullmatch(r"[a-z_]+(\.[a-z_]+)+", key):
                continue
            if key in ("model.get", "model.py", "config.load"):
                continue
            assert key in KEYS, f"{span}: no such key"
            if not equals or re.fullmatch(r"[A-Z]+|…|", value):
                continue
            if page.endswith("/sweep.md"):
                check_ranges("cnn", [word])
            else:
                config.load("mlp", [word])


# --- every command is documented ------------------------------------------------------------------------------------


def commands() -> list[tuple[str, Any]]:
    """Returns every command with its name, `config list` and `cifar` itself included."""
    found: list[tuple[str, Any]] = [("", PROGRAM)]
    for name in PROGRAM.list_commands(context_of(PROGRAM)):
        command, _ = find_command([name])
        if hasattr(command, "list_commands"):
            inner = command.list_commands(context_of(command))
            found += [(f"{name} {verb}", find_command([name, verb])[0]) for verb in inner]
        else:
            found.append((name, command))
    return found


COMMANDS = commands()


@pytest.mark.parametrize("name", [name for name, _ in COMMANDS if name])
def test_every_command_is_in_the_readme_and_on_the_page_of_commands(name: str) -> None:
    group, _, verb = name.partition(" ")
    assert re.search(rf"^\| `cifar {group}\b[^`]*{verb}\b", PAGES["README.md"], re.MULTILINE)
    assert re.search(rf"^\| `cifar {name}\b", PAGES["cifar_cli/docs/commands.md"], re.MULTILINE)


@pytest.mark.parametrize(("name", "command"), COMMANDS, ids=lambda value: value if isinstance(value, str) else "")
def test_every_option_is_on_the_page_of_commands(name: str, command: Any) -> None:
    page = PAGES["cifar_cli/docs/commands.md"]
    longest = {option for option in options_of(command) if option.startswith("--")}
    assert {option for option in longest if not re.search(rf"{option}\b", page)} == set()
