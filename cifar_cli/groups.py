"""What can be typed behind `cifar config` and `cifar data`. Each command imports its verb when it is called."""

from pathlib import Path
from typing import Annotated

import typer

from cifar_cli.errors import UsageError
from cifar_cli.words import DatasetName, Overrides, Root, Source, is_override

config_app = typer.Typer(help="List, show, copy and check configurations.", no_args_is_help=True)
data_app = typer.Typer(help="Fetch, verify and find the images.", no_args_is_help=True)


@config_app.command("list")
def config_list() -> None:
    """List the built-in configurations."""
    from cifar_cli.commands.config import list_configs

    list_configs()


@config_app.command("show")
def config_show(source: Source, overrides: Overrides = None) -> None:
    """Print a configuration with every default filled in."""
    from cifar_cli.commands.config import show

    show(source, overrides or [])


@config_app.command("copy")
def config_copy(
    source: Source,
    destination: Annotated[Path | None, typer.Argument(help="A file or a folder; by default ./NAME.yaml.")] = None,
) -> None:
    """Copy a built-in configuration, to change it. Never overwrites."""
    from cifar_cli.commands.config import copy

    copy(source, destination)


@config_app.command("validate")
def config_validate(
    words: Annotated[list[str], typer.Argument(metavar="FILE|NAME|key=value", help="What to check.")],
) -> None:
    """Check configurations, and report every mistake in them at once."""
    from cifar_cli.commands.config import validate

    sources, overrides = (
        [word for word in words if not is_override(word)],
        [word for word in words if is_override(word)],
    )
    if not sources:
        raise UsageError(f"cifar config validate: expected a FILE or NAME, found only {' '.join(overrides)}; name one")
    validate(sources, overrides)


@data_app.command("fetch")
def data_fetch(name: DatasetName = "cifar10", root: Root = None) -> None:
    """Download a dataset, unless it is there already."""
    from cifar_cli.commands.data import fetch

    fetch(name, root)


@data_app.command("verify")
def data_verify(name: DatasetName = "cifar10", root: Root = None) -> None:
    """Compare every file of a dataset with its published checksum."""
    from cifar_cli.commands.data import verify

    verify(name, root)


@data_app.command("where")
def data_where(root: Root = None) -> None:
    """Tell which folder is used, why, and what is in it."""
    from cifar_cli.commands.data import where

    where(root)
