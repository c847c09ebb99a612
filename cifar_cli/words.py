"""The words and options that several commands take, and what they mean together. Knows no command."""

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from cifar_cli.errors import UsageError

Config = Annotated[
    str | None,
    typer.Option("--config", "-c", metavar="FILE|NAME", help="A YAML file, or a built-in: see `cifar config list`."),
]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="key=value", help="Changes to it: optimizer.lr=0.05 train.epochs=3")
]
TrainWords = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="key=value|RUN",
        help="Changes to the configuration: optimizer.lr=0.05 train.epochs=3; with --resume, the run.",
    ),
]
RunAndOverrides = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="RUN|key=value",
        help="A run folder, its name under logs/, or a checkpoint file; without it, the newest run.",
    ),
]
RunOrConfigAndOverrides = Annotated[
    list[str] | None,
    typer.Argument(metavar="RUN|CONFIG|key=value", help="A run, or a configuration; without either, the newest run."),
]
LayerAndRun = Annotated[
    list[str] | None,
    typer.Argument(
        metavar="LAYER [RUN|key=value]",
        help="A layer's name, such as conv1 or blocks.0.conv1 (with --all none); then as for eval.",
    ),
]
Source = Annotated[str, typer.Argument(metavar="FILE|NAME", help="A YAML file, or a built-in's name.")]
DatasetName = Annotated[str, typer.Argument(metavar="[cifar10|cifar100|fashion_mnist]", help="Which dataset.")]
Root = Annotated[str | None, typer.Option(help="The folder for datasets; else $CIFAR_DATA_DIR, else ./data.")]
LogDir = Annotated[Path, typer.Option("--log-dir", help="Where runs lie.")]
Weights = Annotated[
    str | None, typer.Option(metavar="best|last", help="Which checkpoint; by default the best one there is.")
]
DEFAULT_LOG_DIR = Path("logs")
OF_THE_MACHINE = ("train.device", "train.precision")  # what a run may be computed by on another machine


def is_override(word: str) -> bool:
    """Returns whether a word is key=value, and not a path with such a name in it."""
    key, equals, _ = word.partition("=")
    return bool(equals) and os.sep not in key and not os.path.exists(word)


def split_words(words: list[str] | None, *, of: str = "run") -> tuple[str | None, list[str]]:
    """Returns the RUN (or what else `of` says) among the words, if there is one, and the key=value words."""
    overrides = [word for word in words or [] if is_override(word)]
    names = [word for word in words or [] if not is_override(word)]
    if len(names) > 1:
        raise UsageError(f"expected one {of}, found {len(names)}: {' '.join(names)}; name one of them")
    return (names[0] if names else None), overrides


def split_layer_words(words: list[str] | None, *, is_layer_wanted: bool) -> tuple[str | None, str | None, list[str]]:
    """Returns the LAYER, where one is wanted, then the RUN, if there is one, and the key=value words."""
    if not is_layer_wanted:
        return None, *split_words(words)
    if not words or is_override(words[0]):
        raise UsageError("expected a LAYER, found none; write for example conv1, or --all for every layer")
    return words[0], *split_words(words[1:])


def check_config(config: str | None, overrides: list[str], *, changeable: tuple[str, ...] = ()) -> None:
    """Raises ConfigError for what is wrong with a configuration, before the seconds that it takes to import torch.

    changeable: the sections and keys that may also be changed where a run's configuration holds.
    """
    if config is not None:
        from cifar_cli.config import load

        load(config, overrides)
    elif fixed := [word for word in overrides if not re.match(f"({'|'.join(map(re.escape, changeable))})[.=]", word)]:
        but = f" but for {', '.join(changeable)}" if changeable else ""
        raise UsageError(f"{fixed[0]}: a run's configuration is fixed{but}; key=value needs --config FILE|NAME")
