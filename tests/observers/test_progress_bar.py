"""What a terminal and a log file show of a training."""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from rich.console import Console

from cifar_cli.console.streams import notes, warn
from cifar_cli.observers import progress_bar as module
from cifar_cli.observers.progress_bar import ProgressBar, epoch_line
from cifar_cli.training.loop import fit
from cifar_cli.training.observer import EpochReport

Make = Callable[..., Any]  # the fixture tiny_training of conftest.py, which no file can import a type from


def show(training: Any, *, is_terminal: bool, width: int = 80) -> str:
    """Trains to the end, and returns what was written."""
    written = io.StringIO()
    console = Console(file=written, force_terminal=is_terminal, width=width, legacy_windows=False)
    epochs = training.task.epochs
    progress = ProgressBar(console, epochs=epochs, steps=epochs * len(training.task.loader))
    try:
        fit(training.state, training.task, runtime=training.runtime, observers=[progress])
    finally:
        progress.close()
    return written.getvalue()


def test_a_log_file_gets_one_line_for_each_epoch_and_nothing_else(tiny_training: Make) -> None:
    # 80 columns are what rich takes a file to have; a line must not be broken there.
    lines = show(tiny_training(epochs=3), is_terminal=False).splitlines()
    assert [line[:13] for line in lines] == ["epoch 1/3   t", "epoch 2/3   t", "epoch 3/3   t"]
    assert all(line.rstrip().endswith(" s") for line in lines)
    assert not any("\x1b" in line for line in lines)


def test_a_terminal_gets_a_bar_with_figures_and_the_epochs_lines(
    tiny_training: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_UPDATES", 0.0)
    text = show(tiny_training(epochs=2), is_terminal=True, width=160)
    assert "\x1b[" in text
    assert all(part in text for part in ("epoch 1/2", "epoch 2/2", "images/s", "loss"))


def test_a_resumed_training_prints_only_the_epochs_after_its_checkpoint(tiny_training: Make) -> None:
    training = tiny_training(epochs=3)
    training.state.progress.epoch, training.state.progress.step = 2, 8
    (line,) = show(training, is_terminal=False).splitlines()
    assert line.startswith("epoch 3/3")


def test_an_epochs_line_has_its_figures_and_marks_the_best() -> None:
    report = EpochReport(
        epoch=3,
        step=30,
        lr=0.1,
        train_loss=1.23456,
        train_accuracy=0.5,
        val_loss=0.98765,
        val_accuracy=0.0625,
        images_per_second=12345.6,
        seconds=4.25,
    )
    assert epoch_line(report, epochs=10, best_epoch=3) == (
        "epoch  3/10   train loss 1.2346 accuracy 50.00 %   val loss 0.9877 accuracy  6.25 % best   "
        "12,346 images/s  4.2 s"
    )
    assert " best" not in epoch_line(report, epochs=10, best_epoch=2)
    assert len(epoch_line(report, epochs=10, best_epoch=2)) == len(epoch_line(report, epochs=10, best_epoch=3))


def test_an_epochs_line_without_validation_leaves_it_out() -> None:
    report = EpochReport(1, 10, 0.1, 2.0, 0.1, None, None, 100.0, 1.0)
    assert epoch_line(report, epochs=9, best_epoch=None) == (
        "epoch 1/9   train loss 2.0000 accuracy 10.00 %   100 images/s  1.0 s"
    )


def test_a_file_gets_colours_on_request_but_no_bar(
    tiny_training: Make, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_UPDATES", 0.0)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("TERM", "xterm-256color")
    training = tiny_training(epochs=2)
    progress = ProgressBar(notes(), epochs=2, steps=8)
    fit(training.state, training.task, runtime=training.runtime, observers=[progress])
    progress.close()
    assert [line[:9] for line in capsys.readouterr().err.splitlines()] == ["epoch 1/2", "epoch 2/2"]
    warn("a mistake")
    assert capsys.readouterr().err == "\x1b[33mwarning: a mistake\x1b[0m\n"


@pytest.mark.parametrize("width", [120, 80, 60, 40])
def test_a_narrow_terminal_gets_fewer_figures_and_none_is_cut(
    width: int, tiny_training: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_BETWEEN_UPDATES", 0.0)
    text = show(tiny_training(epochs=2), is_terminal=True, width=width)
    bars = [line for line in re.split(r"[\r\n]", re.sub(r"\x1b\[[0-9;?]*[A-Za-z]", "", text)) if "%" in line]
    bars = [line for line in bars if "train loss" not in line]
    assert "…" not in text
    assert any(re.search(r"loss \d\.\d{3}", line) for line in bars)
    assert any(re.search(r"accuracy \d+\.\d %  [\d,]+ images/s", line) for line in bars) == (width >= 80)
    assert max(map(len, bars)) <= width
