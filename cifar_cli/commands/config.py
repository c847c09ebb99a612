"""`cifar config`: list, show, copy and validate configurations. Never imports torch."""

import re
import sys
from itertools import dropwhile
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli.commands.options import is_override
from cifar_cli.config import dump, warnings
from cifar_cli.config.config_files import ConfigFile, builtins, read_config_file
from cifar_cli.config.load import load_read
from cifar_cli.config.schema import NAME_PATTERN
from cifar_cli.config.yaml.comments import Comments, read_comments
from cifar_cli.console.completion import complete_config, complete_config_words, complete_show_words
from cifar_cli.console.listing import print_listing
from cifar_cli.errors import CifarError, ConfigError, UsageError, describe_write_error
from cifar_cli.shell import expand_path, shell_command

app = typer.Typer(help="List, show, copy and check configurations.", no_args_is_help=True, add_completion=False)
Source = Annotated[
    str,
    typer.Argument(
        metavar="FILE|NAME",
        help="A YAML file, a built-in's name, or - for standard input.",
        autocompletion=complete_config,
    ),
]


@app.command("list")
def list_configs() -> None:
    """List the built-in configurations."""
    sentences = {name: _first_sentence(path.read_text(encoding="utf-8")) for name, path in builtins().items()}
    print_listing(sentences, next_command="cifar config show sequential")


@app.command()
def show(
    source: Source,
    overrides: Annotated[
        list[str] | None,
        typer.Argument(
            metavar="key=value",
            help="Changes to the configuration: optimizer.lr=0.05 train.epochs=3.",
            autocompletion=complete_show_words,
        ),
    ] = None,
) -> None:
    """Print a configuration with every default filled in."""
    read = read_config_file(source)
    experiment = load_read(read, overrides or [])
    if overrides:  # the file's comments may be wrong for them
        words = " ".join(" ".join(overrides).split())
        comments = Comments(header=[f"# {read.location} with {words}"])
    else:
        comments = read_comments(read.text)
    print(dump(experiment, comments=comments), end="")
    for warning in warnings(experiment):
        _note(f"warning: {warning}")


@app.command()
def copy(
    source: Source,
    destination: Annotated[
        Path | None, typer.Argument(metavar="DESTINATION", help="A file or a folder; by default, ./NAME.yaml.")
    ] = None,
) -> None:
    """Copy a built-in configuration, to change it. Never overwrites."""
    read = read_config_file(source)
    target = expand_path(destination) if destination is not None else Path(f"{read.stem}.yaml")
    if target.is_dir():
        target = target / f"{read.stem}.yaml"
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(_copied_text(read, name=target.stem))
    except FileExistsError:
        raise UsageError(f"{target}: expected a new file, found an existing one; name another file") from None
    except FileNotFoundError:
        raise UsageError(f"{target}: expected a folder {target.parent}, found none; make it first") from None
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {describe_write_error(error)}") from error
    print(f"wrote {target}")
    try:
        load_read(read)
    except CifarError:  # a copy of a file with mistakes is a copy all the same
        _note(f"next: {shell_command('cifar', 'config', 'validate', target)}")
    else:
        _note(f"next: {shell_command('cifar', 'train', '--config', target)}")


def _copied_text(read: ConfigFile, *, name: str) -> str:
    """Returns a configuration's text for a file of that name.

    A copy of a built-in gets the file's name, and a head that names the original in the place of the original's, whose
    measurements are not the copy's. A file of one's own is copied as it stands.
    """
    if read.builtin is None:
        return read.text
    original = f"# A copy of the configuration {read.builtin}, to be changed."
    # A configuration of one layer is to be looked at: no page has results of it.
    is_layer = read.builtin.startswith("layers/")
    page = "Pictures of layers: cifar docs learning" if is_layer else "What the original reaches: cifar docs results"
    head = f"{original} {page}\n"
    body = "".join(dropwhile(lambda line: line.startswith("#"), read.text.splitlines(keepends=True)))
    if not re.fullmatch(NAME_PATTERN, name):
        return head + body
    without_name = re.sub(r"^name: .*\n", "", body, flags=re.MULTILINE)
    return f"{head}name: {name}\n{without_name}"


@app.command()
def validate(
    words: Annotated[
        list[str],
        typer.Argument(
            metavar="FILE|NAME|key=value",
            help="Configurations to check, and changes to all of them.",
            autocompletion=complete_config_words,
        ),
    ],
) -> None:
    """Check configurations, and report every mistake in them at once."""
    sources = [word for word in words if not is_override(word)]
    overrides = [word for word in words if is_override(word)]
    if not sources:
        found = " ".join(overrides)
        raise UsageError(f"cifar config validate: expected a FILE or NAME, found only {found}; add a FILE or NAME")
    issues: list[str] = []
    for source in sources:
        try:
            read = read_config_file(source)
            experiment = load_read(read, overrides)
        except CifarError as error:
            issues.append(str(error))
            continue
        print(f"ok: {read.location}")
        for warning in warnings(experiment):
            _note(f"warning: {read.location}: {warning}")
    if issues:
        raise ConfigError(issues)


def _first_sentence(text: str) -> str:
    """Returns the first sentence of the comment at the head of a file."""
    lines = (line.removeprefix("#").strip() for line in read_comments(text).header)
    sentence, full_stop, _ = " ".join(lines).partition(". ")
    return f"{sentence}." if full_stop else sentence


def _note(text: str) -> None:
    print(text, file=sys.stderr)
