"""`cifar config`: list, show, copy and validate configurations. Never imports torch."""

import shutil
import sys
from collections.abc import Sequence
from pathlib import Path

from cifar_cli.config import Experiment, dump, load_text, warnings
from cifar_cli.config.config_files import ConfigFile, builtins, read_config_file
from cifar_cli.config.yaml.comments import Comments, read_comments
from cifar_cli.errors import CifarError, ConfigError, UsageError


def list_configs() -> None:
    """Prints the built-in configurations, each with the first sentence of its head."""
    known = builtins()
    width = max(map(len, known), default=0)
    for name, path in known.items():
        line = f"{name:<{width}}  {_first_sentence(path.read_text(encoding='utf-8'))}"
        print(_fitted(line) if sys.stdout.isatty() else line)
    _note("next: cifar config show sequential")


def show(source: str | Path, overrides: Sequence[str] = ()) -> None:
    """Prints the configuration with every default and inferred number in it; its output is a configuration again.

    The file's comments stay, unless overrides may have made them untrue.
    """
    read = read_config_file(source)
    experiment = _load(read, overrides)
    if overrides:
        words = " ".join(" ".join(overrides).split())
        comments = Comments(header=[f"# {read.place} with {words}"])
    else:
        comments = read_comments(read.text)
    print(dump(experiment, comments=comments), end="")
    for warning in warnings(experiment):
        _note(f"warning: {warning}")


def copy(source: str | Path, destination: Path | None = None) -> None:
    """Copies a configuration as it stands, to change it; overwrites nothing.

    destination: a file, or a folder to put it in; by default the current folder. Raises UsageError.
    """
    read = read_config_file(source)
    target = destination if destination is not None else Path(f"{read.stem}.yaml")
    if target.is_dir():
        target = target / f"{read.stem}.yaml"
    try:
        with target.open("x", encoding="utf-8") as file:
            file.write(read.text)
    except FileExistsError:
        raise UsageError(f"{target}: is there already and is not overwritten; name another file") from None
    except FileNotFoundError:
        raise UsageError(f"{target}: the folder {target.parent} is not there; make it first") from None
    except OSError as error:
        raise UsageError(f"{target}: cannot be written: {error.strerror}") from error
    print(f"wrote {target}")
    _note(f"next: cifar train --config {target}")


def validate(sources: Sequence[str | Path], overrides: Sequence[str] = ()) -> None:
    """Prints `ok: FILE` for each configuration without mistakes. Raises ConfigError with the mistakes of all others."""
    problems: list[str] = []
    for source in sources:
        try:
            read = read_config_file(source)
            experiment = _load(read, overrides)
        except CifarError as error:
            problems += error.problems if isinstance(error, ConfigError) else [str(error)]
            continue
        print(f"ok: {read.place}")
        for warning in warnings(experiment):
            _note(f"warning: {read.place}: {warning}")
    if problems:
        raise ConfigError(problems)


def _load(read: ConfigFile, overrides: Sequence[str]) -> Experiment:
    return load_text(read.text, place=read.place, overrides=overrides, default_name=read.stem)


def _first_sentence(text: str) -> str:
    """Returns the first sentence of the comment at the head of a file."""
    lines = (line.removeprefix("#").strip() for line in read_comments(text).header)
    sentence, full_stop, _ = " ".join(lines).partition(". ")
    return f"{sentence}." if full_stop else sentence


def _fitted(line: str) -> str:
    columns = shutil.get_terminal_size().columns
    return line if len(line) <= columns else line[: columns - 1] + "…"


def _note(text: str) -> None:
    print(text, file=sys.stderr)
