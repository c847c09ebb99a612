"""Shell completion of configurations, runs, `key=` words and layer names. Never imports torch.

The functions `complete_…` are attached to the options and arguments that they complete. Typer calls them with the words
before the cursor and with the beginning of the word at the cursor.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import typer

from cifar_cli.config.config_files import builtins
from cifar_cli.config.keys import EVALUATION_KEYS, MACHINE_KEYS, RESUME_KEYS, dotted_keys
from cifar_cli.console.offered_words import layer_names, paths, readable_experiment, shell_safe
from cifar_cli.errors import CifarError
from cifar_cli.models.own.own_source import class_names
from cifar_cli.runs.run_folder import GROUP_CONFIG, SWEEP_CONFIG, find_runs
from cifar_cli.runs.sweep_folder import find_sweeps


def complete_config(incomplete: str) -> list[str]:
    """Completes a FILE|NAME."""
    return [*builtins(), *paths(incomplete, is_offered=_is_yaml)]


def complete_own_model(incomplete: str) -> list[str]:
    """Completes FILE.py:NAME: Python files, each with the classes in it. The files do not run."""
    names = []
    for path in paths(incomplete.partition(":")[0], is_offered=lambda path: path.endswith(".py")):
        try:
            names += [f"{path}:{name}" for name in class_names(Path(path))]
        except CifarError:
            continue  # the command that reads the file reports the mistake
    return shell_safe(names)


def complete_show_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the key=value words of `cifar config show FILE|NAME key=value`."""
    return _keys(_read(ctx, incomplete, argument="overrides"), source=ctx.params.get("source"))


def complete_config_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes FILE|NAME|key=value words."""
    line = _read(ctx, incomplete)
    keys = _keys(line, source=line.name)
    return keys if line.is_cut else [*complete_config(incomplete), *keys]


def complete_train_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the key=value words of `cifar train`; with --resume, the run or the group of runs."""
    line = _read(ctx, incomplete)
    if not ctx.params.get("resume"):
        return _keys(line, source=ctx.params.get("config"))
    groups = [path.parent.name for path in _log_dir(ctx).glob(f"*/{GROUP_CONFIG}")]
    return _runs_and_keys(ctx, line, changeable=RESUME_KEYS, others=groups)


def complete_sweep_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the key=range and key=value words of `cifar sweep`; with --resume, the sweep."""
    if not ctx.params.get("resume"):
        return complete_train_words(ctx, incomplete)
    if os.sep in incomplete:
        return paths(incomplete, is_offered=lambda path: os.path.isfile(os.path.join(path, SWEEP_CONFIG)))
    return shell_safe(sweep.path.name for sweep in reversed(find_sweeps(_log_dir(ctx))))


def complete_eval_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes RUN|key=value words."""
    return _runs_and_keys(ctx, _read(ctx, incomplete), changeable=EVALUATION_KEYS)


def complete_export_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes RUN words."""
    return _runs_and_keys(ctx, _read(ctx, incomplete), changeable=MACHINE_KEYS)


def complete_pictures(incomplete: str) -> list[str]:
    """Completes the files and folders of `cifar predict`."""
    return paths(incomplete, is_offered=lambda path: not os.path.basename(path).startswith("."))


def complete_checkpoint(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the weights of `train --from`: files with weights, runs, and the network that comes along."""
    files = paths(incomplete, is_offered=lambda path: path.endswith((".pt", ".pth", ".safetensors")))
    return [*files, "pretrained", *shell_safe(run.name for run in reversed(find_runs(_log_dir(ctx))))]


def complete_run_option(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the run of `predict --run`."""
    return _runs_and_keys(ctx, CommandWords((), incomplete, is_cut=False), changeable=())


def complete_layer_and_run_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the LAYER, unless it is given, and then RUN|key=value words."""
    line = _read(ctx, incomplete)
    if ctx.params.get("all_layers"):
        return _runs_and_keys(ctx, line, changeable=())
    if not line.words:
        return layer_names(ctx.params.get("config"), None, _log_dir(ctx))
    return _runs_and_keys(ctx, replace(line, words=line.words[1:]), changeable=())


def complete_explain_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes RUN|CONFIG|key=value words."""
    line = _read(ctx, incomplete)
    if line.name is not None and _is_config(line.name):
        return _keys(line, source=line.name)
    configs = [] if ctx.params.get("config") else complete_config(incomplete)
    return _runs_and_keys(ctx, line, changeable=MACHINE_KEYS, others=configs)


def complete_layer_option(ctx: typer.Context) -> list[str]:
    """Completes the layer of `explain --layer`, in the network that the other words name."""
    config, run = ctx.params.get("config"), _read(ctx, "").name
    if config is None and run is not None and _is_config(run):
        config, run = run, None
    return layer_names(config, run, _log_dir(ctx))


# --- the command line before the cursor ----------------------------------------------------------------------------


@dataclass(frozen=True)
class CommandWords:
    """The words of a command line before the cursor, and the beginning of the word at the cursor.

    is_cut: whether bash, which cuts words at `=`, completes only the value of key=value.
    """

    words: Sequence[str]
    incomplete: str
    is_cut: bool

    @property
    def name(self) -> str | None:
        """The first word that is no key=value."""
        return next((word for word in self.words if "=" not in word), None)


def _read(ctx: typer.Context, incomplete: str, *, argument: str = "words") -> CommandWords:
    """Returns the words of an argument, with the key=value words that bash cut at `=` joined again."""
    typed = ctx.params.get(argument) or ctx.args  # args: where the last option has no value yet
    *words, last = "\n".join([*typed, incomplete]).replace("\n=\n", "=").split("\n")
    if words and words[-1] in dotted_keys():  # click removes a `=` at the cursor
        last = f"{words.pop()}={last}"
    return CommandWords(words, last, is_cut=last != incomplete)


def _log_dir(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("log_dir") or "logs")


# --- the offered words ---------------------------------------------------------------------------------------------


def _runs_and_keys(
    ctx: typer.Context, line: CommandWords, *, changeable: Sequence[str], others: Sequence[str] = ()
) -> list[str]:
    """Returns runs and `others`, unless one is named, and keys: of a configuration all, of a run the changeable."""
    config: str | None = ctx.params.get("config")
    keys = _keys(line, source=config, sections=None if config else changeable)
    if config or line.is_cut or line.name:
        return keys
    if os.sep in line.incomplete:
        return [*paths(line.incomplete, is_offered=_is_run), *others]
    runs = [run.name for run in reversed(find_runs(_log_dir(ctx)))]
    return [*shell_safe([*runs, *others]), *keys]


def _keys(line: CommandWords, *, source: str | None, sections: Sequence[str] | None = None) -> list[str]:
    """Returns the `key=` words with the given beginning, and the values if only one key is left.

    source: the configuration whose model and optimizer have the keys; sections: sections and keys to offer, by default
    all.
    """
    overrides = [word for word in line.words if "=" in word]
    chosen = dict(word.split(".name=", 1) for word in overrides if ".name=" in word)
    keys = {
        key: shell_safe(values)
        for key, values in dotted_keys(readable_experiment(source, overrides), names=chosen).items()
        if sections is None or f"{key}.".startswith(tuple(f"{section}." for section in sections))
    }
    key, equals, _ = line.incomplete.partition("=")
    if equals:
        values = keys.get(key, [])
        return values if line.is_cut else [f"{key}={value}" for value in values]
    fitting = [known for known in keys if known.startswith(key)]
    # With its values beside it, a single key is no complete word, after which the shell would put a space.
    values = [f"{fitting[0]}={value}" for value in keys[fitting[0]]] if len(fitting) == 1 else []
    return [*(f"{known}=" for known in fitting), *values]


def _is_yaml(path: str) -> bool:
    return path.endswith((".yaml", ".yml"))


def _is_run(path: str) -> bool:
    return path.endswith(".pt") or os.path.isfile(os.path.join(path, "config.yaml"))


def _is_config(word: str) -> bool:
    return _is_yaml(word) or word in builtins()
