"""Loads the network of a run or a checkpoint file, or builds an untrained network from a configuration."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from torch import nn

from cifar_cli import config, formatting
from cifar_cli.builders.build_model import build_meta_model, build_model
from cifar_cli.builders.check_own_model import check_own_model
from cifar_cli.builders.trust_model import NO_TRUST, ModelTrust, with_trusted_model, words_for_own_model
from cifar_cli.config import Experiment
from cifar_cli.console.streams import note, warn
from cifar_cli.errors import CheckpointError, ConfigError, RunError
from cifar_cli.runs.checkpoint import load_checkpoint
from cifar_cli.runs.run_folder import RunFolder, find_run, is_checkpoint_path
from cifar_cli.runs.run_state import RunState, read_run_state
from cifar_cli.shell import shell_command
from cifar_cli.training.calibration import Calibration


@dataclass(frozen=True)
class NetworkFacts:
    """What turns a picture into a network's input, and its output into words.

    mean, std: of each channel, pixels in [0, 1]; class_names: in the order of the scores; calibration: None if unknown.
    """

    mean: tuple[float, ...]
    std: tuple[float, ...]
    class_names: tuple[str, ...]
    calibration: Calibration | None = None


@dataclass(frozen=True)
class LoadedModel:
    """A network with its configuration and its origin.

    run: the folder for pictures of the network. source: the origin in words. checkpoint: None for an untrained network.
    epoch, step: the number of epochs and steps that it was trained for. status: that of its run, None if there is no
    run or its status is not known. facts: what a run keeps in its folder and other networks in the file of their
    weights; None for those of a run.
    """

    experiment: Experiment
    model: nn.Module
    run: RunFolder
    source: str
    checkpoint: Path | None
    epoch: int
    step: int
    status: str | None = None
    facts: NetworkFacts | None = None

    @property
    def history(self) -> str:
        """How the network was trained: `untrained`, `epoch 3`, or for a run that is not complete `failed, epoch 3`."""
        if self.checkpoint is None:
            return "untrained"
        return f"epoch {self.epoch}" if self.status in (None, "completed") else f"{self.status}, epoch {self.epoch}"


def load_model(run: str, *, log_dir: Path, weights: str | None = None, trust_in: ModelTrust = NO_TRUST) -> LoadedModel:
    """Returns the network of a run or a checkpoint file. run: a path, or the name of a run in `log_dir`.

    trust_in: what the command line says of a person's own network. weights: `best`, `last`, or None for `best` if the
    run has it and `last` otherwise. Prints the state of a run that is not complete. Raises CifarError if there is no
    such network, or if it cannot be read.
    """
    if is_checkpoint_path(run):
        return _load_checkpoint_file(Path(run), log_dir=log_dir, trust_in=trust_in)
    return _load_run(find_run(run, log_dir=log_dir), weights, trust_in)


def build_untrained(experiment: Experiment, *, source: str, log_dir: Path) -> LoadedModel:
    """Returns the network of a configuration with random weights. source: the configuration's name."""
    if experiment.model.is_own:
        check_own_model(experiment)
    return LoadedModel(
        experiment=experiment,
        model=build_model(experiment),
        run=RunFolder(log_dir / f"{experiment.name}-untrained"),
        source=f"the untrained network of {source}",
        checkpoint=None,
        epoch=0,
        step=0,
    )


def saved_experiment(saved: dict[str, Any], *, path: Path) -> Experiment:
    """Returns the configuration in a checkpoint's contents. Raises CheckpointError if it has mistakes."""
    try:
        experiment = config.load_text(saved["config"], location=f"{path} (configuration)")
    except ConfigError as error:
        raise CheckpointError(
            f"{path}: expected a checkpoint with its configuration, found mistakes in it; use the run's other "
            f"checkpoint, last.pt or best.pt\n{error}"
        ) from error
    # No fallback: only the images that it was trained on.
    return experiment.model_copy(update={"data": experiment.data.model_copy(update={"fallback": None})})


def load_weights(model: nn.Module, saved: dict[str, Any], *, path: Path, assign: bool = False) -> None:
    """Copies a checkpoint's weights into the network, or, with `assign`, replaces the network's tensors by them.

    Raises CheckpointError if names or shapes do not fit.
    """
    try:
        model.load_state_dict(saved["model"], assign=assign)
    except Exception as error:  # a stranger's checkpoint may hold anything in the place of weights
        lines = [line.strip() for line in str(error).splitlines()[1:3]]
        raise CheckpointError(
            f"{path}: expected the weights of the network its configuration describes, found others: {' '.join(lines)} "
            f"Take a checkpoint as training wrote it"
        ) from error


def check_weights(experiment: Experiment, saved: dict[str, Any], *, path: Path) -> None:
    """Raises CheckpointError if the checkpoint's weights do not fit the network that its configuration describes.

    The check needs no memory for weights: a stranger's configuration can ask for more than the machine has.
    """
    try:
        meta_model = build_meta_model(experiment)
    except RuntimeError as error:
        raise CheckpointError(
            f"{path}: expected a network that can be built, found one with a tensor too large for any memory; "
            f"take a checkpoint as training wrote it"
        ) from error
    # A copy of the dict: torch stores `assign` in the dict, and would assign again the next time it is loaded.
    load_weights(meta_model, {"model": dict(saved["model"])}, path=path, assign=True)


def _load_run(run: RunFolder, weights: str | None, trust_in: ModelTrust) -> LoadedModel:
    paths = {"best": run.best_checkpoint, "last": run.last_checkpoint}
    chosen = weights or ("best" if run.best_checkpoint.is_file() else "last")
    if weights == "best" and not run.best_checkpoint.is_file():
        raise CheckpointError(
            f"{run.best_checkpoint}: expected the best epoch's checkpoint, found none: with data.val_size=0 no "
            f"epoch is chosen; write --weights last"
        )
    return _open_of_run(paths[chosen], run=run, trust_in=trust_in)


def _load_checkpoint_file(path: Path, *, log_dir: Path, trust_in: ModelTrust) -> LoadedModel:
    folder = RunFolder(path.absolute().parent.parent)
    if folder.config.is_file():
        return _open_of_run(path, run=folder, trust_in=trust_in)
    opened = _open(path, run=RunFolder(log_dir / path.stem), origin=f"checkpoint {path}", trust_in=trust_in)
    # A stranger's file must not choose where this machine reads and downloads.
    data = opened.experiment.data.model_copy(update={"root": None, "mirrors": ()})
    return replace(opened, experiment=opened.experiment.model_copy(update={"data": data}))


def _open_of_run(path: Path, *, run: RunFolder, trust_in: ModelTrust) -> LoadedModel:
    """Returns the network of a run's checkpoint, and prints the state of the run unless it is complete."""
    try:
        state = read_run_state(run)
    except RunError as error:  # the summary says nothing of the weights
        warn(str(error))
        state = RunState(None)
    origin = f"run {run.name}, {path.stem} weights"
    opened = _open(path, run=run, origin=origin, trust_in=trust_in, status=state.status)
    _print_state(opened, error=state.error)
    return opened


def _print_state(opened: LoadedModel, *, error: str | None) -> None:
    run, epochs = opened.run, opened.experiment.train.epochs
    weights = (
        f"its weights are those after epoch {opened.epoch}, step {opened.step}, of {formatting.count(epochs, 'epoch')}"
        if opened.step
        else "its weights are untrained, those before the first step"
    )
    own_words = words_for_own_model(opened.experiment.model)
    resume = f"continue with: {shell_command('cifar', 'train', '--resume', run.path, *own_words)}"
    if opened.status == "failed":
        warn(f"run {run.name} failed; {weights}; {f'the reason: {error}' if error else resume}")
    elif opened.status == "interrupted":
        note(f"run {run.name} was interrupted; {weights}; {resume}")
    elif opened.status == "running":
        note(f"run {run.name} is being trained; {weights}")


def _open(path: Path, *, run: RunFolder, origin: str, trust_in: ModelTrust, status: str | None = None) -> LoadedModel:
    saved = load_checkpoint(path)
    experiment = saved_experiment(saved, path=path)
    experiment = with_trusted_model(experiment, trust_in, folder=run.path, place=str(path))
    if experiment.model.is_own:
        check_own_model(experiment)
    check_weights(experiment, saved, path=path)
    model = build_model(experiment)
    load_weights(model, saved, path=path)
    epoch, step = saved["progress"]["epoch"], saved["progress"]["step"]
    opened = LoadedModel(
        experiment=experiment,
        model=model,
        run=run,
        source=origin,
        checkpoint=path,
        epoch=epoch,
        step=step,
        status=status,
    )
    return replace(opened, source=f"{origin} ({opened.history})")
