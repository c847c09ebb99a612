"""Prints a training's progress: a line per epoch and, on a terminal, a progress bar."""

import time

from rich.console import Console
from rich.progress import BarColumn, Progress, TaskProgressColumn, TextColumn, TimeRemainingColumn

from cifar_cli import formatting
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import EpochTotals, TrainingState

SECONDS_BETWEEN_UPDATES = 0.25  # reading the loss waits for the device

WIDTH_FOR_FIGURES = 80  # columns; on a narrower terminal the line has the loss alone
WIDTH_FOR_BAR = 60  # columns; on a narrower terminal neither the bar nor the remaining time


class ProgressBar(Observer):
    """Prints to `console`, normally that of stderr. epochs, steps: those of the whole training."""

    def __init__(self, console: Console, *, epochs: int, steps: int) -> None:
        self._console = console
        self._epochs = epochs
        self._steps = steps
        self._updated_at = 0.0
        has_room = console.width >= WIDTH_FOR_BAR
        self._bar = Progress(
            TextColumn("epoch {task.fields[epoch]}"),
            *([BarColumn(bar_width=None)] if has_room else []),  # None: as wide as the other columns leave room
            TaskProgressColumn(),
            TextColumn("{task.fields[figures]}"),
            *([TimeRemainingColumn()] if has_room else []),
            console=console,
            transient=True,
            disable=not console.is_interactive,
        )

    def training_started(self, state: TrainingState) -> None:
        self._task = self._bar.add_task(
            "training",
            total=self._steps,
            completed=state.progress.step,
            epoch=f"{state.progress.epoch + 1}/{self._epochs}",
            figures="",
        )
        self._bar.start()

    def step_ended(self, state: TrainingState) -> None:
        now = time.perf_counter()
        if not self._console.is_interactive or now - self._updated_at < SECONDS_BETWEEN_UPDATES:
            return
        self._updated_at = now
        self._bar.update(
            self._task,
            completed=state.progress.step,
            epoch=f"{state.progress.epoch + 1}/{self._epochs}",
            figures=self._figures(state.totals),
        )

    def _figures(self, totals: EpochTotals) -> str:
        """Returns the figures that the terminal's width has room for: rich would cut their digits."""
        loss = f"loss {totals.mean_loss():.3f}"
        if self._console.width < WIDTH_FOR_FIGURES:
            return loss
        speed = totals.images / totals.seconds
        return f"{loss}  accuracy {formatting.percent(totals.accuracy(), decimals=1)}  {speed:,.0f} images/s"

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        line = epoch_line(report, epochs=self._epochs, best_epoch=state.progress.best_epoch)
        self._console.print(line, soft_wrap=True)

    def training_stopped(self, state: TrainingState) -> None:
        self.close()

    def close(self) -> None:
        self._bar.stop()


def epoch_line(report: EpochReport, *, epochs: int, best_epoch: int | None) -> str:
    """Returns a line with an epoch's figures, aligned with the lines of the other epochs."""
    width = len(str(epochs))
    parts = [
        f"epoch {report.epoch:{width}}/{epochs}",
        f"train loss {report.train_loss:.4f} accuracy {formatting.percent(report.train_accuracy, decimals=2):>7}",
    ]
    if report.val_loss is not None and report.val_accuracy is not None:
        best = " best" if best_epoch == report.epoch else "     "
        parts.append(
            f"val loss {report.val_loss:.4f} accuracy {formatting.percent(report.val_accuracy, decimals=2):>7}{best}"
        )
    parts.append(f"{report.images_per_second:,.0f} images/s  {report.seconds:.1f} s")
    return "   ".join(parts)
