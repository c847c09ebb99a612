"""The network that a command's words and options name together."""

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from cifar_cli import config as configuration
from cifar_cli.builders.trust_model import NO_TRUST, ModelTrust, with_trusted_model, words_for_own_model
from cifar_cli.commands.options import config_words, split_words
from cifar_cli.config import Experiment
from cifar_cli.config.change import with_overrides
from cifar_cli.config.config_files import DEFAULT_CONFIG, STDIN, builtins, is_stream
from cifar_cli.errors import CifarError, RunError, UsageError
from cifar_cli.heavy_imports import heavy_imports
from cifar_cli.models.own.build_own import trust
from cifar_cli.models.own.own_source import OwnSource, meant_own_word, read_own_source
from cifar_cli.models.table import FileKeys
from cifar_cli.runs.run_folder import is_checkpoint_path, newest_run
from cifar_cli.shell import shell_command

if TYPE_CHECKING:
    from cifar_cli.builders.load_model import LoadedModel

OWN_MODEL_CONFIG = "quickstart"  # how an own network is trained without --config: any network can be trained so


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
    return configuration.load(source, [*own_model_words(trust_in.named, source), *overrides])


def own_model_words(own: OwnSource, source: str) -> list[str]:
    """Returns the key=value words that put an own network into a configuration, and name its runs after it."""
    keys = configuration.to_flow_yaml(dict(own.keys))
    name = re.sub(r"[^A-Za-z0-9._-]", "", f"{own.path.stem}-{own.attribute}").lstrip("._-")[:64]
    return [f"model={keys}", *([f"name={name}"] if name and source in builtins() else [])]


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
