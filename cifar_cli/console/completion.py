"""What the shell offers when Tab is pressed: configurations, runs, `key=` words and layer names. Never imports torch.

The functions `complete_…` stand at the options and arguments that they complete. They get the words before the cursor
as typer has read them so far, and the beginning of the word to complete.
"""

import os
from collections.abc import Callable, Iterator, Sequence
from glob import escape, glob
from pathlib import Path
from typing import TYPE_CHECKING, Any

import typer

from cifar_cli.errors import CifarError

if TYPE_CHECKING:
    from cifar_cli.config import Experiment

MAX_CHECKPOINT_BYTES = 2**28  # a larger one is not read: whoever pressed Tab waits
# Of a run, only how and where its network is computed may be changed.
RESUMABLE_KEYS = ("train.epochs", "train.device", "train.precision")
RUN_KEYS = ("evaluation.", "train.device", "train.precision")


def complete_config(incomplete: str) -> list[str]:
    """Completes a FILE|NAME."""
    from cifar_cli.config.config_files import builtins

    return [*builtins(), *_paths(incomplete, is_wanted=_is_yaml)]


def complete_override(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the key=value words behind `config show FILE|NAME`."""
    return _complete_key(_words(ctx, "overrides"), incomplete, source=ctx.params.get("source"))


def complete_config_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes FILE|NAME|key=value words."""
    names, _ = _split(_words(ctx))
    keys = _complete_key(_words(ctx), incomplete, source=names[0] if names else "tutorial")
    return keys if _is_value(_words(ctx)) else [*complete_config(incomplete), *keys]


def complete_train_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the key=value words of `cifar train`; with --resume, the run."""
    words = _words(ctx)
    if not ctx.params.get("resume"):
        return _complete_key(words, incomplete, source=ctx.params.get("config"))
    keys = _complete_key(words, incomplete, only=RESUMABLE_KEYS)
    return keys if _is_value(words) else [*_runs(incomplete, _log_dir(ctx), with_groups=True), *keys]


def complete_run_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes RUN|key=value words."""
    return _complete_run(ctx, _words(ctx), incomplete)


def complete_run_or_config_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes RUN|CONFIG|key=value words."""
    words = _words(ctx)
    names, _ = _split(words)
    if ctx.params.get("config") or _is_value(words):
        return _complete_run(ctx, words, incomplete)
    if names:
        return _complete_key(words, incomplete, source=names[0], only=() if _is_config(names[0]) else RUN_KEYS)
    return [*_complete_run(ctx, words, incomplete), *complete_config(incomplete)]


def complete_layer_and_run_words(ctx: typer.Context, incomplete: str) -> list[str]:
    """Completes the LAYER, where it is still to be named, and then RUN|key=value words."""
    words = _words(ctx)
    if ctx.params.get("all_layers"):
        return _complete_run(ctx, words, incomplete)
    if words:
        return _complete_run(ctx, words[1:], incomplete)
    return _layers(ctx.params.get("config"), None, _log_dir(ctx))


def complete_layer_option(ctx: typer.Context) -> list[str]:
    """Completes the layer of `explain --layer`, in the network that the other words name."""
    names, _ = _split(_words(ctx))
    config, run = ctx.params.get("config"), names[0] if names else None
    if config is None and run is not None and _is_config(run):
        config, run = run, None
    return _layers(config, run, _log_dir(ctx))


def complete_dataset() -> list[str]:
    """Completes the name of a dataset."""
    from cifar_cli.config.keys import dotted_keys

    return dotted_keys()["data.name"]


# --- words before the cursor ---------------------------------------------------------------------------------------


def _words(ctx: typer.Context, name: str = "words") -> list[str]:
    """Returns the words before the cursor, with those put together again that bash cut at their `=`."""
    joined: list[str] = []
    is_value = False
    for word in ctx.params.get(name) or ():
        if joined and (word == "=" or is_value):
            joined[-1] += word
        else:
            joined.append(word)
        is_value = word == "="
    return joined


def _split(words: Sequence[str]) -> tuple[list[str], list[str]]:
    """Returns the names and the key=value words."""
    return [word for word in words if "=" not in word], [word for word in words if "=" in word]


def _is_value(words: Sequence[str]) -> bool:
    """Returns whether the cursor stands in a value whose key bash has cut off: behind `lr=`, or behind `lr`."""
    from cifar_cli.config.keys import dotted_keys

    return bool(words) and (words[-1].endswith("=") or words[-1] in dotted_keys())


def _log_dir(ctx: typer.Context) -> Path:
    return Path(ctx.params.get("log_dir") or "logs")


# --- what is offered -----------------------------------------------------------------------------------------------


def _complete_run(ctx: typer.Context, words: Sequence[str], incomplete: str) -> list[str]:
    """Returns runs, where none is named yet, and the keys that may be changed: all of a configuration, few of a run."""
    config: str | None = ctx.params.get("config")
    only = () if config else RUN_KEYS
    keys = _complete_key(words, incomplete, source=config, only=only)
    names, _ = _split(words)
    return keys if config or names or _is_value(words) else [*_runs(incomplete, _log_dir(ctx)), *keys]


def _complete_key(
    words: Sequence[str], incomplete: str, *, source: str | None = None, only: Sequence[str] = ()
) -> list[str]:
    """Returns the `key=` words that begin so, and their values once the key is written or only one key is left.

    source: the configuration whose model and optimizer have the keys; only: what the keys have to begin with.
    """
    from cifar_cli.config.keys import dotted_keys

    before = [*words]
    cut_off = before.pop().rstrip("=") if _is_value(words) else None
    keys = {
        key: [value for value in values if not set(value) & set(" '\"")]  # the shell would cut these up
        for key, values in dotted_keys(_experiment(source, _split(before)[1])).items()
        if not only or key.startswith(tuple(only))
    }
    if cut_off is not None:
        return keys.get(cut_off, [])
    key, equals, _ = incomplete.partition("=")
    if equals:
        return [f"{key}={value}" for value in keys.get(key, [])]
    fitting = [known for known in keys if known.startswith(incomplete)]
    # Beside its values, a single key is not taken for a whole word, behind which the shell would put a space.
    values = [f"{fitting[0]}={value}" for value in keys[fitting[0]]] if len(fitting) == 1 else []
    return [*(f"{known}=" for known in fitting), *values]


def _experiment(source: str | None, overrides: Sequence[str] = ()) -> "Experiment | None":
    """Returns the configuration of that name, None where it has mistakes or can be read only once."""
    from cifar_cli import config
    from cifar_cli.config.config_files import is_stream

    if source is None or is_stream(source):
        return None
    for words in (overrides, ()):  # a key=value word may be wrong still
        try:
            return config.load(source, words)
        except CifarError:
            continue
    return None


def _runs(incomplete: str, log_dir: Path, *, with_groups: bool = False) -> list[str]:
    """Returns the names of runs, the newest first; what has a separator in it is completed as a path."""
    from cifar_cli.runs.run_folder import GROUP_CONFIG, find_runs

    if os.sep in incomplete:
        return list(_paths(incomplete, is_wanted=_is_run))
    names = [run.name for run in reversed(find_runs(log_dir))]
    groups = [path.parent.name for path in log_dir.glob(f"*/{GROUP_CONFIG}")] if with_groups else []
    return [*names, *groups]


def _layers(source: str | None, run: str | None, log_dir: Path) -> list[str]:
    """Returns the names of the layers of a configuration, or of the newest run or that of this name."""
    from cifar_cli.config.config_files import CONFIG_WITHOUT_RUNS
    from cifar_cli.runs.run_folder import find_run, newest_run

    if source is not None:
        return _listed_layers(_experiment(source))
    try:
        if run is not None and run.endswith(".pt"):
            return _saved_layers(Path(run))
        folder = find_run(run, log_dir=log_dir) if run else newest_run(log_dir)
    except CifarError:
        return []
    if folder is None:
        return _listed_layers(_experiment(CONFIG_WITHOUT_RUNS))
    return _listed_layers(_experiment(str(folder.config))) or _saved_layers(folder.last_checkpoint)


def _listed_layers(experiment: "Experiment | None") -> list[str]:
    return [layer.name for layer in getattr(experiment and experiment.model, "layers", ())]


def _saved_layers(checkpoint: Path) -> list[str]:
    """Returns the names of the layers with weights in a checkpoint, of which no tensor is made."""
    from cifar_cli.runs.checkpoint_archive import open_checkpoint_archive
    from cifar_cli.runs.pickle_inspector import inspect_pickle

    try:
        if checkpoint.stat().st_size > MAX_CHECKPOINT_BYTES:
            return []
        archive = open_checkpoint_archive(checkpoint)
        contents: Any = inspect_pickle(archive.pickled, storage_bytes=archive.storage_bytes)
        return list(dict.fromkeys(name.rpartition(".")[0] for name in contents["model"]))
    except Exception:  # whatever a damaged file brings about: Tab only offers less
        return []


def _paths(incomplete: str, *, is_wanted: Callable[[str], bool]) -> Iterator[str]:
    """Yields the wanted files and folders whose path begins so, and those in the folders whose path begins so."""
    for path in sorted(glob(f"{escape(incomplete)}*")):
        if is_wanted(path):
            yield path
        elif os.path.isdir(path):
            yield from filter(is_wanted, sorted(glob(f"{escape(path)}/*")))


def _is_yaml(path: str) -> bool:
    return path.endswith((".yaml", ".yml"))


def _is_run(path: str) -> bool:
    return path.endswith(".pt") or os.path.isfile(os.path.join(path, "config.yaml"))


def _is_config(word: str) -> bool:
    from cifar_cli.config.config_files import builtins

    return _is_yaml(word) or word in builtins()
