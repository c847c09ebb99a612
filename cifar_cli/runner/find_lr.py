"""`cifar train --find-lr`: tests learning rates on a few steps, and writes the curve with a suggestion."""

import csv
import json
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from io import StringIO
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.builders.build_training import Training
from cifar_cli.builders.preflight import preflight
from cifar_cli.config import Experiment
from cifar_cli.console.streams import note, print_next_step, results
from cifar_cli.distributed.process_group import join_process_group
from cifar_cli.errors import CifarError, StoppedError, UsageError
from cifar_cli.figures.lr_curve_sheet import lr_curve_figure
from cifar_cli.figures.save_png import save_png
from cifar_cli.observers.event_file import tensorboard_errors, write_scalars
from cifar_cli.optim.reported_lr import GROUP_INDEX, ConfiguredLr, configured_lr
from cifar_cli.runner.start import build_new_training, log_folder, run_name
from cifar_cli.runs.atomic_files import write_text
from cifar_cli.runs.json_files import write_json
from cifar_cli.runs.run_folder import new_folder
from cifar_cli.shell import shell_command
from cifar_cli.training.graceful_shutdown import graceful_shutdown
from cifar_cli.training.lr_curve import LrCurve
from cifar_cli.training.lr_range_test import STEPS, lr_range_test


def find_lr(experiment: Experiment, *, words: Sequence[str], as_json: bool, begin_with: Path | None = None) -> None:
    """Tests learning rates, writes curve and picture into a folder that is no run, and prints the suggestion.

    words: of the command that would train, without learning rates. begin_with: a file with weights. Raises CifarError
    if no learning rate can be suggested, StoppedError after a signal; what there is has been written by then.
    """
    preflight(experiment)
    with join_process_group() as processes:
        if processes.size > 1:
            raise UsageError(
                f"cifar train --find-lr: expected one process, found {processes.size}; leave torchrun out: the "
                f"learning rate of one process is that of several"
            )
        experiment, _, training = build_new_training(experiment, processes, begin_with=begin_with)
        configured = configured_lr(training.state.scheduler)
        # Before the steps, which would be for nothing in a place that cannot be written.
        folder = new_folder(log_folder(experiment), f"{run_name(experiment)}-find-lr")
        note(f"{experiment.name}: {STEPS} steps with a growing {configured.key}; the training is as before afterwards")
        with _removed_if_left_empty(folder), graceful_shutdown() as shutdown:
            curve = lr_range_test(training.state, training.task, runtime=training.runtime, shutdown=shutdown)
        summary = _summarize(training, configured, curve)
        _write(folder, experiment, curve, summary)
    _print(folder, summary, words=words, as_json=as_json)
    if shutdown.signal_number:
        found = f"stopped after step {len(curve.losses)} of {STEPS}; what was found so far is in {folder}/"
        raise StoppedError(found, signal_number=shutdown.signal_number)
    if summary["suggestion"] is None:
        raise CifarError(_why_none(curve, configured))


@contextmanager
def _removed_if_left_empty(folder: Path) -> Iterator[None]:
    """Removes the folder if the steps end in an error or by a second Ctrl-C: there is nothing to write then."""
    try:
        yield
    except BaseException:  # a second Ctrl-C too, and anything that a step may raise; raised again below
        with suppress(OSError):  # somebody else has written into it, or removed it
            folder.rmdir()
        raise


def _summarize(training: Training, configured: ConfiguredLr, curve: LrCurve) -> dict[str, Any]:
    """Returns the results as plain values. overrides: the suggestion for every group, all with the same ratios."""
    suggestion = None if curve.steepest is None else _two_digits(curve.lrs[curve.steepest])
    lrs: dict[str, float] = {}
    for group in training.state.optimizer.param_groups:
        index = group[GROUP_INDEX]
        lrs["optimizer.lr" if index is None else f"optimizer.groups.{index}.lr"] = group["initial_lr"]
    ratio = None if suggestion is None else suggestion / configured.value
    return {
        "key": configured.key,
        "configured": configured.value,
        "suggestion": suggestion,
        "lowest_loss_at": None if curve.lowest is None else _two_digits(curve.lrs[curve.lowest]),
        "overrides": {} if ratio is None else {key: _two_digits(lr * ratio) for key, lr in lrs.items()},
        "steps": len(curve.losses),
        "diverged": curve.has_diverged,
    }


def _write(folder: Path, experiment: Experiment, curve: LrCurve, summary: dict[str, Any]) -> None:
    """Writes curve.csv, find_lr.json, find_lr.png, and curve and picture for TensorBoard."""
    smoothed = curve.smoothed
    text = StringIO()
    writer = csv.writer(text, lineterminator="\n")
    writer.writerow(["lr", "loss", "smoothed_loss"])
    writer.writerows(zip(curve.lrs, curve.losses, [*smoothed, *[""] * (len(curve.lrs) - len(smoothed))], strict=True))
    write_text(folder / "curve.csv", text.getvalue())
    write_json(folder / "find_lr.json", summary)
    figure = lr_curve_figure(
        f"{experiment.name}: learning-rate range test, {experiment.optimizer.name}",
        lrs=curve.lrs,
        losses=curve.losses,
        smoothed=smoothed,
        steepest=curve.steepest,
        lowest=curve.lowest,
        configured=summary["configured"],
        key=summary["key"],
    )
    with Image.open(save_png(figure, folder / "find_lr.png")) as picture:
        pixels = np.asarray(picture.convert("RGB"))
    with tensorboard_errors(folder), SummaryWriter(str(folder)) as events:
        for step, (lr, loss, mean) in enumerate(zip(curve.lrs, curve.losses, smoothed, strict=False), start=1):
            values = {"find_lr/lr": lr, "find_lr/loss": loss, "find_lr/smoothed_loss": mean}
            write_scalars(events, values, step=step)
        events.add_image("find_lr", pixels, dataformats="HWC")


def _print(folder: Path, summary: dict[str, Any], *, words: Sequence[str], as_json: bool) -> None:
    if as_json:
        print(json.dumps({**summary, "folder": str(folder)}))
    elif summary["suggestion"] is not None:
        console = results()
        console.print(
            f"suggestion: {summary['key']}={summary['suggestion']:g}, where the loss falls fastest (the configuration "
            f"has {summary['configured']:g})",
            soft_wrap=True,
        )
        console.print(f"the loss was lowest at {summary['lowest_loss_at']:g}; from there on it rises", soft_wrap=True)
    if summary["suggestion"] is None:
        note(f"wrote {folder}/find_lr.png")
        return
    overrides = [f"{key}={lr:g}" for key, lr in summary["overrides"].items()]
    next_command = shell_command("cifar", "train", *words, *overrides)
    print_next_step(wrote=[f"{folder}/find_lr.png"], next_command=next_command)


def _why_none(curve: LrCurve, configured: ConfiguredLr) -> str:
    lowest, highest = f"{curve.lrs[0]:.1g}", f"{curve.lrs[-1]:.2g}"
    if curve.lowest is None and not curve.has_diverged:
        return (
            f"{configured.key}: expected a learning rate at which the loss falls, found none from {lowest} to "
            f"{highest} in {len(curve.losses)} steps; see whether the network can learn at all: cifar train --dry-run, "
            f"train.freeze, the last layer, the initial weights"
        )
    return (
        f"{configured.key}: expected a loss that falls before it diverges, found that it diverged at {highest}, "
        f"step {len(curve.losses)}, without having fallen over a factor of ten; see whether the images are normalized "
        f"(data.normalize) and whether the initial weights are of a sane size"
    )


def _two_digits(lr: float) -> float:
    return float(f"{lr:.2g}")
