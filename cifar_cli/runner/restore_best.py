"""Makes best.pt agree with the checkpoint that a training continues from.

The two are written one after the other, so a killed process, a damaged last.pt or a copied file can leave a best.pt of
an epoch that the continued training never had, or trains anew with another result.
"""

from cifar_cli import config
from cifar_cli.console.streams import warn
from cifar_cli.errors import CifarError
from cifar_cli.runner.observers import TrainingRun
from cifar_cli.runs.checkpoint import load_checkpoint, save_checkpoint
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.training.state import Progress


def restore_best(run: TrainingRun) -> None:
    """Leaves best.pt as it is, writes it anew, or removes it with a warning and resets the best epoch in the progress.

    It is written anew if the best epoch is the last one trained, whose weights the training still has.
    """
    state, path = run.training.state, run.folder.best_checkpoint
    progress = state.progress
    if progress.best_epoch is None:
        path.unlink(missing_ok=True)
        return
    found = _describe_other(run.folder, progress)
    if found is None:
        return
    if progress.best_epoch == progress.epoch and not state.totals.batches:
        save_checkpoint(path, {"config": config.dump(run.experiment), **state.state_dict()})
        return
    outlook = (
        "the best epoch is chosen anew, among the epochs from now on"
        if progress.epoch < run.experiment.train.epochs
        else "the weights of the last epoch take their place"
    )
    warn(
        f"{path}: expected the weights of epoch {progress.best_epoch}, the best of the {progress.epoch} that this "
        f"training continues from, found {found}; those weights are lost, so {outlook}"
    )
    path.unlink(missing_ok=True)
    progress.best_epoch, progress.best_val_accuracy = Progress.best_epoch, Progress.best_val_accuracy


def _describe_other(folder: RunFolder, progress: Progress) -> str | None:
    """Returns what is in the place of the best epoch's checkpoint, None if it is there."""
    if not folder.best_checkpoint.exists():
        return "no such file"
    try:
        saved = load_checkpoint(folder.best_checkpoint)["progress"]
    except CifarError:
        return "a file that is no whole checkpoint"
    if saved["epoch"] != progress.best_epoch:
        return f"those of epoch {saved['epoch']}"
    if saved.get("best_val_accuracy") != progress.best_val_accuracy:
        return f"those of epoch {saved['epoch']} of another training"
    return None
