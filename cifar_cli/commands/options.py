"""The arguments and options that several commands share."""

import math
import os
import re
from collections import Counter
from collections.abc import Collection, Sequence
from pathlib import Path
from typing import Annotated, Any

import typer

from cifar_cli.config.config_files import builtins, is_stream
from cifar_cli.config.keys import is_known_key
from cifar_cli.console.completion import complete_config, complete_own_model
from cifar_cli.errors import RunError, RunNotFoundError, UsageError, did_you_mean
from cifar_cli.runs.run_folder import find_run, is_checkpoint_path
from cifar_cli.shell import expand_path, shell_command

WEIGHTS = ("best", "last")
DEFAULT_LOG_DIR = Path("logs")
MAX_SEEDS = 1000  # a larger number is probably meant as a seed
SEED_LIMIT = 2**63  # also the limit of the key `seed`


def check_word(word: str, known: Collection[str], *, place: str) -> None:
    """Raises UsageError for a word that is not among the known words; the message names the nearest."""
    if word not in known:
        raise UsageError(f"{place}: expected one of {', '.join(known)}, found '{word}'{did_you_mean(word, known)}")


def expand_option(parameter: typer.CallbackParam, value: Path | None) -> Path | None:
    """Expands the path of an option. A callback of typer's; completion, which reports no mistakes, expands its own."""
    return value if value is None else expand_path(value, place=parameter.opts[-1])


def one_of(*words: str, help: str) -> Any:
    """Returns an option that takes one of the words, and completes them."""

    def check(parameter: typer.CallbackParam, value: str | None) -> str | None:
        if value is not None:
            check_word(value, words, place=parameter.opts[-1])
        return value

    return typer.Option(metavar="|".join(words), help=help, autocompletion=lambda: [*words], callback=check)


def number(option: str, kind: type[int] | type[float], *, low: int, high: int | None = None, help: str) -> Any:
    """Returns an option that takes a number from `low` to `high`; kind: int for whole numbers only."""
    bounds = f"of at least {low}" if high is None else f"from {low} to {high}"
    expected = f"{'a whole number' if kind is int else 'a number'} {bounds}"

    def parse(text: str) -> int | float:
        mend = f"write for example {option} {low}"
        try:
            value = kind(text)
        except ValueError:
            raise UsageError(f"{option}: expected {expected}, found '{text}'; {mend}") from None
        if not low <= value <= (math.inf if high is None else high) or math.isinf(value):
            raise UsageError(f"{option}: expected {expected}, found {text}; {mend}")
        return value

    return typer.Option(option, parser=parse, metavar=f"{low}…{high or ''}", help=help)


Config = Annotated[
    str | None,
    typer.Option(
        "--config",
        "-c",
        metavar="FILE|NAME",
        help="A YAML file, a built-in (see `cifar config list`), or - for standard input.",
        autocompletion=complete_config,
    ),
]
OwnModel = Annotated[
    str | None,
    typer.Option(
        "--model",
        metavar="FILE.py:NAME",
        help="A network of your own: a class or a function in a Python file, which is run.",
        autocompletion=complete_own_model,
    ),
]
TrustModel = Annotated[
    bool, typer.Option("--trust-model", help="Run the own network of the run from its copy in the run folder.")
]
LOG_DIR_OPTION = typer.Option("--log-dir", help="The folder of the runs.", callback=expand_option)
LogDir = Annotated[Path, LOG_DIR_OPTION]
OptionalLogDir = Annotated[Path | None, LOG_DIR_OPTION]
Weights = Annotated[
    str | None, one_of(*WEIGHTS, help="The checkpoint of the run; by default, best if there is one, else last.")
]
Pretrained = Annotated[
    bool, typer.Option("--pretrained", help="Take the network that comes along (see `cifar docs pretrained`).")
]
AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON object to stdout, and nothing else there.")]


def refuse_log_dir(log_dir: Path | None, *, of: str) -> None:
    """Raises UsageError for --log-dir where something new is made. of: the command."""
    if log_dir is not None:
        word = shell_command(f"log.dir={log_dir}")
        raise UsageError(f"cifar {of} --log-dir: a new run goes where log.dir says; write {word}")


def is_override(word: str) -> bool:
    """Returns whether a word is key=value and not a path that contains a `=`.

    A key that configurations have makes the word an override, whatever lies on the disk; such a folder is ./key=value.
    """
    key, equals, _ = word.partition("=")
    return bool(equals) and (is_known_key(key) or (os.sep not in key and not os.path.exists(word)))


def split_words(words: Sequence[str] | None, *, of: str = "run") -> tuple[str | None, list[str]]:
    """Splits words into one name, None if there is none, with its `~` and variables expanded, and the overrides.

    of: what the name names. Raises UsageError for two names.
    """
    _refuse_blanks(words or [])
    overrides = [word for word in words or [] if is_override(word)]
    names = [word for word in words or [] if not is_override(word)]
    if "" in names:
        raise UsageError(f"expected a {of}, found an empty word; leave it out, or write a name")
    if len(names) > 1:
        raise UsageError(f"expected one {of}, found {len(names)}: {' '.join(names)}; leave out all but one")
    return (str(expand_path(names[0])) if names else None), overrides


def _refuse_blanks(words: Sequence[str]) -> None:
    """Raises UsageError for `optimizer.lr = 0.1`, which a shell passes on as three words, and for the other slips.

    Those are `optimizer.lr 0.1` and `optimizer.lr: 0.1`, which would be taken for the names of runs.
    """
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        typed = [before, word, after] if word == "=" else [before, word] if word.startswith("=") else [word, after]
        key = typed[0].rstrip("=")
        if (word == "=" or word.startswith("=") or word.endswith("=")) and is_known_key(key) and typed[-1]:
            raise UsageError(
                f"expected key=value in one word, found '{' '.join(typed)}'; write {''.join(typed)} without blanks"
            )
        key, _, value = word.partition(":")
        if _is_bare_key(key) and not after.startswith("=") and not os.path.exists(word):  # = is told as the next word
            has_next = not value and bool(after) and "=" not in after
            value = value or (after if has_next else "VALUE")
            found = f"{word} {after}" if has_next else word
            raise UsageError(
                f"expected key=value in one word, found '{found}'; write {shell_command(f'{key}={value}')}"
            )


def _is_bare_key(word: str) -> bool:
    """Returns whether a word can only be a key. `seed` may be a run, and `model.dropout` a layer of one's own."""
    return "." in word and is_known_key(word) and (not word.startswith("model.") or word == "model.name")


def config_words(source: str, overrides: Sequence[str]) -> list[str]:
    """Returns the words for a configuration in another command. A pipe, which can be read only once, becomes FILE."""
    return ["--config", "FILE" if is_stream(source) else source, *overrides]


def is_config(word: str, *, log_dir: Path) -> bool:
    """Returns whether a RUN|CONFIG word is a configuration: a YAML file, a pipe, or a built-in name that no run has.

    Raises UsageError for a word that is neither a run nor a configuration.
    """
    if word.endswith((".yaml", ".yml")) or is_stream(word):
        return True
    if is_checkpoint_path(word):
        return False
    try:
        find_run(word, log_dir=log_dir)
    except RunNotFoundError as error:
        if word in builtins():
            return True
        known = ", ".join(builtins())
        raise UsageError(f"{error}; nor is it a configuration: a YAML file, or one of {known}") from None
    return False


def is_run(word: str, *, log_dir: Path) -> bool:
    """Returns whether the word names a run or a checkpoint file."""
    if is_checkpoint_path(word):
        return True
    try:
        find_run(str(expand_path(word)), log_dir=log_dir)
    except RunNotFoundError:
        return False
    except RunError:  # a group of runs, which is told when it is opened
        return True
    return True


def parse_seeds(text: str, *, first: int) -> list[int]:
    """Returns the seeds of a list such as `0,3,7`, or for a single number that many seeds from `first` on.

    `7,` is a list of one seed. Raises UsageError for other text.
    """
    mend = "write for example --seeds 5, or --seeds 0,3,7"
    if not re.fullmatch(r"[0-9]{1,19}(, *[0-9]{1,19})*,?", text):
        raise UsageError(f"--seeds: expected a number of seeds or a list of seeds, found '{text}'; {mend}")
    if "," not in text:
        count = int(text)
        if not 1 <= count <= MAX_SEEDS:
            raise UsageError(f"--seeds: expected a number of seeds from 1 to {MAX_SEEDS}, found {count}; {mend}")
        seeds = list(range(first, first + count))
    else:
        seeds = [int(seed) for seed in text.split(",") if seed]
    if max(seeds) >= SEED_LIMIT:
        raise UsageError(f"--seeds: expected seeds below 2**63, found {max(seeds)}; {mend}")
    if repeated := [str(seed) for seed, times in Counter(seeds).items() if times > 1]:
        raise UsageError(
            f"--seeds: expected each seed once, found {', '.join(repeated)} more than once; leave out the repetitions"
        )
    return seeds
