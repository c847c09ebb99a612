"""Connects a run's or a configuration's own network with the file that the command line names. Imports no torch.

The keys in a configuration say which file it was; only a file that the command line names is run.
"""

from dataclasses import dataclass
from pathlib import Path

from cifar_cli.config import Experiment
from cifar_cli.errors import UsageError
from cifar_cli.models.own.build_own import neighbours, own_source, trust, untrusted_message
from cifar_cli.models.own.own_source import OwnSource, check_own_source
from cifar_cli.models.table import FileKeys, ModelKeys
from cifar_cli.runs.atomic_files import write_atomically
from cifar_cli.runs.run_folder import OWN_MODEL_COPY


@dataclass(frozen=True)
class ModelTrust:
    """What the command line says of a person's own network. named: by --model; copy: whether --trust-model is given."""

    named: OwnSource | None = None
    copy: bool = False


NO_TRUST = ModelTrust()


def with_trusted_model(
    experiment: Experiment, trust_in: ModelTrust, *, folder: Path | None, place: str, same_file: bool = False
) -> Experiment:
    """Returns the experiment with the own network that the command line names, or as it is without an own network.

    folder: where the run's copy is, None if there is none; same_file: whether only the file of the run will do, as for
    resuming. Raises UsageError if the command line names no file, or one that does not fit.
    """
    keys, named = experiment.model, trust_in.named
    if named is not None and trust_in.copy:
        raise UsageError(f"expected --model or --trust-model, found both: --model {named.file}; leave one of them out")
    if not isinstance(keys, FileKeys):
        if named is not None or trust_in.copy:
            option = "--trust-model" if named is None else f"--model {named.word}"
            raise UsageError(f"{place}: expected a network from a file, found {keys.label}; leave {option} out")
        return experiment
    if trust_in.copy:
        trust(_copy(keys, folder, place=place))
        return experiment
    if named is None:
        raise UsageError(untrusted_message(keys, place=place))
    trust(named)
    if (named.sha256, named.attribute) == (keys.sha256, keys.attribute):
        return experiment
    _check_change(keys, named, place=place, same_file=same_file)
    return experiment.model_copy(update={"model": named.keys})


def _check_change(keys: FileKeys, named: OwnSource, *, place: str, same_file: bool) -> None:
    """Warns, or with `same_file` raises UsageError, because the named file is not the one of the run."""
    other = (
        f"the network {keys.attribute}, found {named.attribute}"
        if named.sha256 == keys.sha256
        else f"{keys.label} as it was, found that {named.path} has changed since"
    )
    if same_file:
        raise UsageError(
            f"{place}: expected {other}; write --trust-model to go on with the run's copy of it, {OWN_MODEL_COPY}, or "
            f"start a new run"
        )
    from cifar_cli.console.streams import warn

    warn(f"{place}: expected {other}; --trust-model takes the copy of the file as it was, {OWN_MODEL_COPY}")


def _copy(keys: FileKeys, folder: Path | None, *, place: str) -> OwnSource:
    """Returns the run folder's copy of the file. Raises UsageError if it is missing or another file."""
    mend = f"name the file: --model {keys.word}"
    path = folder / OWN_MODEL_COPY if folder else None
    if path is None or not path.is_file():
        where = path or f"{OWN_MODEL_COPY}, which is in a run folder"
        raise UsageError(f"{place}: expected the copy {where} for --trust-model, found none; {mend}")
    own = OwnSource(path, keys.file, keys.attribute, path.read_bytes())
    if own.sha256 != keys.sha256:
        raise UsageError(f"{path}: expected the file as it was when the run was started, found a changed one; {mend}")
    check_own_source(own)
    return own


def write_model_copy(path: Path, keys: ModelKeys) -> None:
    """Writes the file of an own network into a run folder; nothing for a network of the program.

    Warns of other files that it imports, which are not copied.
    """
    if not isinstance(keys, FileKeys):
        return
    content = own_source(keys).content
    write_atomically(path, lambda file: file.write(content))
    if others := neighbours(keys):
        from cifar_cli.console.streams import warn

        warn(
            f"{path}: a copy of {keys.file} alone; what it imports from its folder, {', '.join(others)}, is not "
            f"copied, so --trust-model cannot open this run: keep these files beside {keys.file}"
        )


def words_for_own_model(keys: ModelKeys) -> list[str]:
    """Returns the words that name the network's file again in another command; none for a network of the program."""
    if not isinstance(keys, FileKeys):
        return []
    return ["--trust-model"] if own_source(keys).is_copy else ["--model", keys.word]
