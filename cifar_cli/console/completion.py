"""What the shell offers when Tab is pressed: configurations, runs, `key=` words and layer names. Never imports torch.

The functions `complete_…` stand at the options and arguments that they complete. They get the words before the cursor
as typer has read them so far, and the beginning of the word to complete.
"""

import os
import re
from collections.abc import Callable, Iterable, Sequence
from glob import escape, glob
from pathlib import Path
from typing import Any

import typer

from cifar_cli import config as configuration
from cifar_cli.config import Experiment
from cifar_cli.config.config_files import CONFIG_WITHOUT_RUNS, builtins, is_stream
from cifar_cli.config.keys import EVALUATION_KEYS, MACHINE_KEYS, RESUME_KEYS, dotted_keys
from cifar_cli.errors import CifarError
from cifar_cli.runs.checkpoint_archive import open_checkpoint_archive
from cifar_cli.runs.pickle_inspector import inspect_pickle
from cifar_cli.runs.run_folder import GROUP_CONFIG, find_run, find_runs, is_checkpoint_path, newest_run

MAX_CHECKPOINT_BYTES = 2**28  # a larger one is not read: whoever pressed Tab waits


def complete_config(incomplete: str) -> list[str]:
    """Completes a FILE|NAME."""
    return [*builtins(), *_paths(incomplete, is_wanted=_is_yaml)]


def complete_dataset() -> list[str]:
    """Completes the name of a dataset."""
    return dotted_keys()["data.name"]


def complete_show_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the key=value words of `cifar config show FILE|NAME key=value`."""
    return _keys(_words(ctx, "overrides"), incomplete, source=ctx.params.get("source"))


def complete_config_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes FILE|NAME|key=value words."""
    words = _words(ctx)
    keys = _keys(words, incomplete, source=_first_name(words))
    return keys if _is_value(words) else [*complete_config(incomplete), *keys]


def complete_train_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the key=value words of `cifar train`; with --resume, the run or the group of runs."""
    words = _words(ctx)
    if not ctx.params.get("resume"):
        return _keys(words, incomplete, source=ctx.params.get("config"))
    groups = [path.parent.name for path in _log_dir(ctx).glob(f"*/{GROUP_CONFIG}")]
    return _runs_and_keys(ctx, words, incomplete, changeable=RESUME_KEYS, others=groups)


def complete_eval_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes RUN|key=value words."""
    return _runs_and_keys(ctx, _words(ctx), incomplete, changeable=EVALUATION_KEYS)


def complete_layer_and_run_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the LAYER, where it is still to be named, and then RUN|key=value words."""
    words = _words(ctx)
    if not words and not ctx.params.get("all_layers"):
        return _layers(ctx.params.get("config"), None, _log_dir(ctx))
    return _runs_and_keys(ctx, words if ctx.params.get("all_layers") else words[1:], incomplete, changeable=())


def complete_explain_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes RUN|CONFIG|key=value words."""
    words = _words(ctx)
    name = _first_name(words)
    if name is not None and _is_config(name):
        return _keys(words, incomplete, source=name)
    configs = [] if ctx.params.get("config") else complete_config(incomplete)
    return _runs_and_keys(ctx, words, incomplete, changeable=MACHINE_KEYS, others=configs)


def complete_layer_option(ctx: typer.Context) -> list[str]:
    """Completes the layer of `explain --layer`, in the network that the other words name."""
    config, run = ctx.params.get("config"), _first_name(_words(ctx))
    if config is None and run is not None and _is_config(run):
        config, run = run, None
    return _layers(config, run, _log_dir(ctx))


# --- words before the cursor ---------------------------------------------------------------------------------------


def _words(ctx: typer.Context, name: str = "words") -> list[str]:
    """Returns the words before the cursor, with those put together again that bash cut at their `=`."""
    joined: list[str] = []
    is_value = False
    for word in ctx.params.get(name) or ctx.args:  # args: where the last option still waits for its value
        if joined and (word == "=" or is_value):
            joined[-1] += word
        else:
            joined.append(word)
        is_value = word == "="
    return joined


def _first_name(words: Sequence[str]) -> str | None:
    """Returns the first word that is no key=value and no key that bash has cut off."""
    return next((word for word in words if "=" not in word and word not in dotted_keys()), None)


def _is_value(words: Sequence[str]) -> bool:
    """Returns whether the cursor stands in a value whose key bash has cut off: behind `lr=`, or behind `lr`."""
    return bool(words) and (words[-1].endswith("=") or words[-1] in dotted_keys())


def _log_dir(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("log_dir") or "logs")


# --- what is offered -----------------------------------------------------------------------------------------------


def _runs_and_keys(
    ctx: typer.Context, words: Sequence[str], incomplete: str, *, changeable: Sequence[str], others: Sequence[str] = ()
) -> list[str]:
    """Returns runs and `others` where none is named yet, and keys: all of a configuration, of a run the changeable."""
    config: str | None = ctx.params.get("config")
    keys = _keys(words, incomplete, source=config, only=None if config else changeable)
    if config or _is_value(words) or _first_name(words):
        return keys
    if os.sep in incomplete:
        return [*_paths(incomplete, is_wanted=_is_run), *others]
    runs = [run.name for run in reversed(find_runs(_log_dir(ctx)))]
    return [*_shell_safe([*runs, *others]), *keys]


def _keys(words: Sequence[str], incomplete: str, *, source: str | None, only: Sequence[str] | None = None) -> list[str]:
    """Returns the `key=` words that begin so, and their values once the key is written or only one key is left.

    source: the configuration whose model and optimizer have the keys; only: sections and keys to offer, None for all.
    """
    before = [*words]
    cut_off = before.pop().rstrip("=") if _is_value(words) else None
    overrides = [word for word in before if "=" in word]
    chosen = dict(word.split(".name=", 1) for word in overrides if ".name=" in word)
    known = dotted_keys(_experiment(source, overrides), names=chosen)
    keys = {key: values for key, values in known.items() if only is None or _is_within(key, only)}
    if cut_off is not None:
        return _shell_safe(keys.get(cut_off, []))
    key, equals, _ = incomplete.partition("=")
    if equals:
        return [f"{key}={value}" for value in _shell_safe(keys.get(key, []))]
    fitting = [key for key in keys if key.startswith(incomplete)]
    # Beside its values, a single key is not taken for a whole word, behind which the shell would put a space.
    values = [f"{fitting[0]}={value}" for value in _shell_safe(keys[fitting[0]])] if len(fitting) == 1 else []
    return [*(f"{key}=" for key in fitting), *values]


def _is_within(key: str, sections: Sequence[str]) -> bool:
    return any(key == section or key.startswith(f"{section}.") for section in sections)


def _shell_safe(words: Iterable[str]) -> list[str]:
    """Returns the words that the shell takes as they are, as it does lists without their spaces.

    A stranger's run or checkpoint may have names that a shell would run, once they are in the command line.
    """
    close = [word.replace(", ", ",") for word in words]
    return [word for word in close if re.fullmatch(r"[\w./=:,+~@%\[\]-]+", word)]


def _experiment(source: str | None, overrides: Sequence[str] = ()) -> Experiment | None:
    """Returns the configuration of that name, None where it has mistakes or can be read only once."""
    if source is None or is_stream(source):
        return None
    for words in (overrides, ()):  # a key=value word may be wrong still
        try:
            return configuration.load(source, words)
        except CifarError:
            continue
    return None


def _layers(source: str | None, run: str | None, log_dir: Path) -> list[str]:
    """Returns the names of the layers of a configuration, or of the newest run or that of this name."""
    if source is not None:
        return _listed_layers(_experiment(source))
    try:
        if run is not None and is_checkpoint_path(run):
            return _saved_layers(Path(run))
        folder = find_run(run, log_dir=log_dir) if run else newest_run(log_dir)
    except CifarError:
        return []
    if folder is None:
        return _listed_layers(_experiment(CONFIG_WITHOUT_RUNS))
    return _listed_layers(_experiment(str(folder.config))) or _saved_layers(folder.last_checkpoint)


def _listed_layers(experiment: Experiment | None) -> list[str]:
    return [layer.name for layer in getattr(experiment and experiment.model, "layers", ())]


def _saved_layers(checkpoint: Path) -> list[str]:
    """Returns the names of the layers with weights in a checkpoint, of which no tensor is made."""
    try:
        if checkpoint.stat().st_size > MAX_CHECKPOINT_BYTES:
            return []
        archive = open_checkpoint_archive(checkpoint)
        contents: Any = inspect_pickle(archive.pickled, storage_bytes=archive.storage_bytes)
        return _shell_safe(dict.fromkeys(name.rpartition(".")[0] for name in contents["model"]))
    except Exception:  # whatever a damaged file brings about: Tab only offers less
        return []


def _paths(incomplete: str, *, is_wanted: Callable[[str], bool]) -> list[str]:
    """Returns the wanted files and folders whose path begins so, and those in the folders whose path begins so."""
    found: list[str] = []
    for path in sorted(glob(f"{escape(incomplete)}*")):
        if is_wanted(path):
            found.append(path)
        elif os.path.isdir(path):
            found += filter(is_wanted, sorted(glob(f"{escape(path)}/*")))
    return _shell_safe(found)


def _is_yaml(path: str) -> bool:
    return path.endswith((".yaml", ".yml"))


def _is_run(path: str) -> bool:
    return path.endswith(".pt") or os.path.isfile(os.path.join(path, "config.yaml"))


def _is_config(word: str) -> bool:
    return _is_yaml(word) or word in builtins()
