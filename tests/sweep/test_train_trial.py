"""A trial as an ordinary run: pruned, stopped, resumed, found complete, and never with test images."""

import json
from pathlib import Path
from typing import Any

import pytest

from cifar_cli.config.config_files import ConfigFile
from cifar_cli.data.datasets.synthetic import synthetic_sets
from cifar_cli.runs.trial_record import COMPLETE, DIVERGED, FAILED, PRUNED
from cifar_cli.sweep.ranges import split_ranges
from cifar_cli.sweep.space import SearchSpace
from cifar_cli.sweep.train_trial import TrialTrainer
from cifar_cli.sweep.trial_messages import INTERRUPTED, TrialEpoch, TrialOrder
from cifar_cli.training.graceful_shutdown import ShutdownRequest

FILE = ConfigFile(
    """\
name: small
data: {name: synthetic, batch_size: 100, val_size: 100}
model: {name: mlp, hidden: [4]}
train: {epochs: 3, device: cpu, precision: fp32}
log: {images_every: 0}
""",
    "small.yaml",
    "small",
)


class Channel:
    """Stands for the coordinating process: prunes after the given epoch, or asks to stop during it."""

    def __init__(self, *, prune_after: int = 0, stop_after: int = 0) -> None:
        self.epochs: list[TrialEpoch] = []
        self.shutdown = ShutdownRequest()
        self._prune_after = prune_after
        self._stop_after = stop_after

    def send(self, epoch: TrialEpoch) -> None:
        self.epochs.append(epoch)

    def recv(self) -> bool:
        if self.epochs[-1].epoch == self._stop_after:
            self.shutdown.signal_number = 15
        return self.epochs[-1].epoch == self._prune_after


@pytest.fixture(autouse=True)
def small_images(monkeypatch: pytest.MonkeyPatch) -> None:
    sets = synthetic_sets(train_size=400, test_size=50)
    monkeypatch.setattr("cifar_cli.data.datasets.synthetic.synthetic_sets", lambda: sets)


def train(tmp_path: Path, channel: Channel, lr: str = "0.05") -> Any:
    _, ranges = split_ranges(["optimizer.lr=[0.05,1e30]"])
    space = SearchSpace(FILE, (), tuple(ranges))
    trainer = TrialTrainer(space, environment=tmp_path / "env.json", channel=channel)  # type: ignore[arg-type]
    return trainer.train(TrialOrder(7, {"optimizer.lr": lr}, tmp_path / "trial-0007"), channel.shutdown)


def summary(tmp_path: Path) -> dict[str, Any]:
    return dict(json.loads((tmp_path / "trial-0007" / "summary.json").read_text()))


def test_a_trial_reports_each_epoch_and_ends_with_its_best(tmp_path: Path) -> None:
    channel = Channel()
    result = train(tmp_path, channel)
    assert [(epoch.number, epoch.epoch) for epoch in channel.epochs] == [(7, 1), (7, 2), (7, 3)]
    assert (result.outcome, result.epochs, result.error) == (COMPLETE, 3, None)
    assert result.val_accuracy == max(epoch.val_accuracy for epoch in channel.epochs)
    assert (summary(tmp_path)["status"], summary(tmp_path)["test"]) == ("completed", None)


def test_a_pruned_trial_ends_after_its_epoch_saved_and_the_next_one_is_not_stopped(tmp_path: Path) -> None:
    channel = Channel(prune_after=2)
    result = train(tmp_path, channel)
    assert (result.outcome, result.epochs) == (PRUNED, 2)
    assert summary(tmp_path)["status"] == "interrupted"
    assert (tmp_path / "trial-0007" / "checkpoints" / "last.pt").is_file()
    assert channel.shutdown.signal_number is None


def test_a_trial_at_its_last_epoch_is_complete_whatever_the_pruner_says(tmp_path: Path) -> None:
    assert train(tmp_path, Channel(prune_after=3)).outcome == COMPLETE


def test_a_stopped_trial_goes_on_from_where_it_was_and_ends_as_if_it_had_not_been_stopped(tmp_path: Path) -> None:
    whole = train(tmp_path / "whole", Channel())
    channel = Channel(stop_after=1, prune_after=1)  # to stop wins: the trial is judged when it goes on
    assert train(tmp_path, channel).outcome == INTERRUPTED
    channel = Channel()
    resumed = train(tmp_path, channel)
    assert [epoch.epoch for epoch in channel.epochs] == [2, 3]
    assert (resumed.outcome, resumed.val_accuracy) == (COMPLETE, whole.val_accuracy)


def test_a_trial_that_was_complete_when_its_process_was_killed_is_not_trained_again(tmp_path: Path) -> None:
    first = train(tmp_path, Channel())
    channel = Channel()
    assert train(tmp_path, channel) == first
    assert channel.epochs == []


def test_what_a_killed_process_had_not_saved_is_begun_anew(tmp_path: Path) -> None:
    (tmp_path / "trial-0007" / "checkpoints").mkdir(parents=True)
    (tmp_path / "trial-0007" / "config.yaml").write_text("half of it")
    assert train(tmp_path, Channel()).outcome == COMPLETE


def test_a_diverged_trial_says_where_also_when_it_is_found_again(tmp_path: Path) -> None:
    first = train(tmp_path, Channel(), lr="1e30")
    assert first.outcome == DIVERGED
    assert "expected a finite loss" in first.error
    assert train(tmp_path, Channel(), lr="1e30").error == first.error


def test_values_that_do_not_fit_together_fail_with_the_reason(tmp_path: Path) -> None:
    result = train(tmp_path, Channel(), lr="-1")
    assert result.outcome == FAILED
    assert "optimizer.lr: expected a number above 0, found -1" in result.error
