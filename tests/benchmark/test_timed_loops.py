"""Timed loops: a round has the given number of steps, and all rounds start from the same weights."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from cifar_cli.benchmark.breakdown import PARTS
from cifar_cli.benchmark.rounds import TimedLoop
from cifar_cli.benchmark.timed_loops import (
    StateSnapshot,
    timed_bare_loop,
    timed_training,
    timed_training_with_stopwatch,
    timed_tutorial_loop,
)
from cifar_cli.benchmark.tutorial_loop import PictureDataset
from cifar_cli.benchmark.tutorial_transforms import tutorial_transform
from cifar_cli.kernels import cuda_graphs


def ours(training: Any, snapshot: StateSnapshot, recorder: Any) -> TimedLoop:
    return timed_training(
        training.state, training.task, runtime=training.runtime, observers=[recorder], snapshot=snapshot
    )


def watched(training: Any, snapshot: StateSnapshot, recorder: Any) -> TimedLoop:
    return timed_training_with_stopwatch(
        training.state, training.task, runtime=training.runtime, observers=[recorder], snapshot=snapshot, seconds=[]
    )


def bare(training: Any, snapshot: StateSnapshot, recorder: Any) -> TimedLoop:
    return timed_bare_loop(
        training.state, training.task, images=training.images, batch_size=7, runtime=training.runtime, snapshot=snapshot
    )


def tutorial(training: Any, snapshot: StateSnapshot, recorder: Any) -> TimedLoop:
    dataset = PictureDataset(training.images.images, training.images.labels, tutorial_transform(side=8))
    loader = DataLoader(dataset, batch_size=7, shuffle=True)
    return timed_tutorial_loop(
        training.state, training.task, dataloader=loader, device=training.runtime.device, snapshot=snapshot
    )


@pytest.mark.parametrize("make", [ours, watched, bare, tutorial])
def test_every_round_takes_its_steps_from_the_same_weights(
    make: Callable[..., TimedLoop], tiny_training: Callable[..., Any], recorder: Any
) -> None:
    training = tiny_training(optimizer="adam", schedule="cosine")
    loop = make(training, StateSnapshot(training.state), recorder)
    before = training.state.model.fc.weight.clone()
    ends = []
    for _ in range(2):
        loop.reset()
        assert torch.equal(training.state.model.fc.weight, before)
        loop.run(3)
        assert training.state.scheduler.last_epoch == 3
        ends.append(training.state.model.fc.weight.clone())
    assert torch.equal(*ends)
    assert not torch.equal(ends[0], before)


def test_a_round_of_captured_steps_begins_with_the_graph_captured(
    tiny_training: Callable[..., Any], recorder: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    taken = []

    class FakeCapturedStep:
        """A captured step without a GPU: it takes the step."""

        def __init__(self, step: Any, images: Any, labels: Any, *, optimizer: Any) -> None:
            self.step = step
            taken.append("captured")

        def fits(self, optimizer: Any) -> bool:
            return True

        def replay(self, images: Any, labels: Any) -> Any:
            taken.append("replayed")
            return self.step(images, labels)

    monkeypatch.setattr(cuda_graphs, "CapturedStep", FakeCapturedStep)
    training = tiny_training()
    state = training.state
    cache = cuda_graphs.GraphCache(state.model, state.optimizer, device=training.runtime.device)
    training = replace(training, task=replace(training.task, graph_cache=cache))
    training.task.loader.batch_sampler.drop_last = True  # as a benchmark has it: all batches of one shape
    loop = ours(training, StateSnapshot(training.state), recorder)
    loop.reset()
    assert "captured" in taken
    taken.clear()
    loop.run(2)
    assert taken == ["replayed", "replayed"]


def test_our_loop_calls_its_observers(tiny_training: Callable[..., Any], recorder: Any) -> None:
    training = tiny_training()
    ours(training, StateSnapshot(training.state), recorder).run(2)
    assert recorder.events == ["step 1", "step 2"]


def test_the_stopwatch_gives_the_seconds_of_every_part_once_per_round(tiny_training: Callable[..., Any]) -> None:
    training, seconds = tiny_training(), []
    loop = timed_training_with_stopwatch(
        training.state,
        training.task,
        runtime=training.runtime,
        observers=(),
        snapshot=StateSnapshot(training.state),
        seconds=seconds,
    )
    for _ in range(2):
        loop.reset()
        loop.run(3)
    assert len(seconds) == 2
    assert all(part_seconds.keys() == {*PARTS, "rest"} for part_seconds in seconds)
