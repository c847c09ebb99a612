"""The arguments and options that several commands share, and the network that they name together."""

import math
import os
import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from cifar_cli import config as configuration
from cifar_cli.builders.trust_model import NO_TRUST, ModelTrust, with_trusted_model, words_for_own_model
from cifar_cli.config import Experiment
from cifar_cli.config.change import with_overrides
from cifar_cli.config.config_files import DEFAULT_CONFIG, STDIN, builtins, is_stream
from cifar_cli.config.keys import is_known_key
from cifar_cli.console.completion import complete_config, complete_own_model
from cifar_cli.errors import CifarError, RunError, RunNotFoundError, UsageError, did_you_mean
from cifar_cli.heavy_imports import heavy_imports
from cifar_cli.models.own.build_own import trust
from cifar_cli.models.own.own_source import OwnSource, meant_own_word, read_own_source
from cifar_cli.models.table import FileKeys
from cifar_cli.runs.run_folder import find_run, is_checkpoint_path, newest_run
from cifar_cli.shell import expand_path, shell_command

if TYPE_CHECKING:
    from cifar_cli.builders.load_model import LoadedModel


WEIGHTS = ("best", "last")
DEFAULT_LOG_DIR = Path("logs")
OWN_MODEL_CONFIG = "quickstart"  # how an own network is trained without --config: any network can be trained so


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
    """Raises UsageError for `optimizer.lr = 0.1`, which a shell passes on as three words."""
    for before, word, after in zip(["", *words], words, [*words[1:], ""], strict=False):
        typed = [before, word, after] if word == "=" else [before, word] if word.startswith("=") else [word, after]
        key = typed[0].rstrip("=")
        if (word == "=" or word.startswith("=") or word.endswith("=")) and is_known_key(key) and typed[-1]:
            raise UsageError(
                f"expected key=value in one word, found '{' '.join(typed)}'; write {''.join(typed)} without blanks"
            )


def config_words(source: str, overrides: Sequence[str]) -> list[str]:
    """Returns the words for a configuration in another command. A pipe, which can be read only once, becomes FILE."""
    return ["--config", "FILE" if is_stream(source) else source, *overrides]


def read_trust(model: str | None, trust_copy: bool) -> ModelTrust:
    """Returns what --model and --trust-model say. Raises UsageError for a file with mistakes, before it runs."""
    return ModelTrust(read_own_source(model) if model is not None else None, trust_copy)


def load_config(source: str, overrides: Sequence[str], trust_in: ModelTrust = NO_TRUST) -> Experiment:
    """Returns the experiment of a configuration; an own network takes the place of the configuration's.

    Raises ConfigError or UsageError, before torch is imported.
    """
    if network := meant_own_word(source):
        mend = f"a network of your own is named by {shell_command('--model', network)}"
        raise UsageError(f"{source}: expected a YAML file, found a Python file; {mend}")
    if trust_in.named is None:
        experiment = configuration.load(source, overrides)
        folder = None if source in builtins() or is_stream(source) else Path(source).parent
        return with_trusted_model(experiment, trust_in, folder=folder, place=source)
    if trust_in.copy:
        raise UsageError("expected --model or --trust-model, found both; leave one of them out")
    trust(trust_in.named)
    return configuration.load(source, [*_own_model_words(trust_in.named, source), *overrides])


def _own_model_words(own: OwnSource, source: str) -> list[str]:
    """Returns the key=value words that put an own network into a configuration, and name its runs after it."""
    keys = configuration.to_flow_yaml(dict(own.keys))
    name = re.sub(r"[^A-Za-z0-9._-]", "", f"{own.path.stem}-{own.attribute}").lstrip("._-")[:64]
    return [f"model={keys}", *([f"name={name}"] if name and source in builtins() else [])]


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


@dataclass(frozen=True)
class ModelChoice:
    """The network that a command line names: a run's, a checkpoint file's, or an untrained one.

    run: None for an untrained network; experiment: the configuration of an untrained network, None for a run; source:
    the configuration as the command line names it, None if it names neither a run nor a configuration; overrides:
    changes to the configuration, or to the changeable keys of a run; trust_in: the file of an own network;
    is_pretrained: it is the network that comes along.
    """

    run: str | None
    experiment: Experiment | None
    source: str | None
    overrides: Sequence[str]
    weights: str | None
    log_dir: Path
    trust_in: ModelTrust = NO_TRUST
    is_pretrained: bool = False

    def load(self) -> "LoadedModel":
        """Loads the run's network, or builds the untrained network. Imports torch. Raises CifarError on failure."""
        with heavy_imports():
            from cifar_cli.builders.load_model import build_untrained, load_model
            from cifar_cli.builders.load_pretrained import load_pretrained

        if self.is_pretrained:
            opened = load_pretrained(log_dir=self.log_dir)
            return replace(opened, experiment=with_overrides(opened.experiment, self.overrides, location=opened.source))
        if self.run is None:
            assert self.experiment is not None
            name = "<stdin>" if self.source == STDIN else self.source or DEFAULT_CONFIG
            name = self.experiment.model.label if self.experiment.model.is_own else name
            return build_untrained(self.experiment, source=name, log_dir=self.log_dir)
        opened = load_model(self.run, weights=self.weights, log_dir=self.log_dir, trust_in=self.trust_in)
        return replace(opened, experiment=with_overrides(opened.experiment, self.overrides, location=opened.source))

    def words_for(self, opened: "LoadedModel") -> list[str]:
        """Returns the words that name the same network in another command."""
        if self.is_pretrained:
            return ["--pretrained"]
        own = words_for_own_model(opened.experiment.model)
        if self.source is not None:
            return [*config_words(self.source, self.overrides), *own]
        if opened.checkpoint is None:  # no run exists: commands default to this untrained network
            return own
        if not opened.run.config.is_file():
            return [str(opened.checkpoint), *own]
        return [str(opened.run.path), *(["--weights", self.weights] if self.weights else []), *own]


def choose_model(
    words: Sequence[str] | None,
    *,
    config: str | None,
    weights: str | None,
    log_dir: Path,
    changeable: tuple[str, ...] = (),
    is_run_needed: bool = False,
    pretrained: bool = False,
    trust_in: ModelTrust = NO_TRUST,
) -> ModelChoice:
    """Returns the network that the words and options name; by default, the newest run's.

    With an own network and neither a run nor a configuration: the newest run if it trained that network, else the
    network untrained.

    changeable: the sections and keys of a run's configuration that may be changed; is_run_needed: whether a missing run
    is an error, rather than replaced by the untrained network of DEFAULT_CONFIG; pretrained: takes the network that
    comes along.
    Raises UsageError, ConfigError or RunError, before torch is imported.
    """
    run, overrides = split_words(words)
    experiment = None
    if pretrained and (other := _other_network(config=config, weights=weights, run=run, trust_in=trust_in)):
        raise UsageError(f"--pretrained: expected no other network, found {other}; leave one of the two out")
    if run is not None and (own := meant_own_word(run)):
        raise UsageError(f"expected a run, found the network '{run}'; write {shell_command('--model', own)}")
    if run is None and config is None and trust_in.named and not is_run_needed and not _trained(trust_in, log_dir):
        config = OWN_MODEL_CONFIG
    if config is not None:
        experiment = load_config(config, overrides, trust_in)
    elif fixed := [word for word in overrides if not re.match(f"({'|'.join(map(re.escape, changeable))})[.=]", word)]:
        but = f" except for {', '.join(changeable)}" if changeable else ""
        raise UsageError(f"{fixed[0]}: a run's configuration is fixed{but}; key=value needs --config FILE|NAME")
    if run is not None and config is not None:
        raise UsageError(f"expected a run or --config, found both: '{run}' and --config {config}; leave one out")
    if weights is not None and (config is not None or (run is not None and is_checkpoint_path(run))):
        raise UsageError(
            f"--weights {weights}: expected a run with several checkpoints, found '{run or config}'; "
            "leave --weights out"
        )
    if run is None and config is None and not pretrained:
        newest = newest_run(log_dir)
        if newest is not None:
            run = str(newest.path)
        elif is_run_needed:
            network = ["--model", trust_in.named.word] if trust_in.named else ["--config", "quickstart"]
            mend = shell_command("cifar", "train", *network)
            raise RunError(f"{log_dir}: expected a run, found none yet; make one with: {mend}")
        else:
            experiment = configuration.load(DEFAULT_CONFIG, overrides)
    return ModelChoice(run, experiment, config, overrides, weights, log_dir, trust_in, is_pretrained=pretrained)


def _other_network(*, config: str | None, weights: str | None, run: str | None, trust_in: ModelTrust) -> str | None:
    """Returns the words that name a network other than the one that comes along, None if there are none."""
    named = {"--config": config, "--weights": weights, "a run": run, "--model": trust_in.named and trust_in.named.word}
    found = next((f"{name} ({value})" for name, value in named.items() if value), None)
    return found or ("--trust-model" if trust_in.copy else None)


def _trained(trust_in: ModelTrust, log_dir: Path) -> bool:
    """Returns whether the newest run trained the named own network, perhaps in an earlier state of its file."""
    newest, named = newest_run(log_dir), trust_in.named
    if newest is None or named is None:
        return False
    try:
        keys = configuration.load(newest.config).model
    except CifarError:
        return False
    return isinstance(keys, FileKeys) and (keys.file, keys.attribute) == (named.file, named.attribute)
