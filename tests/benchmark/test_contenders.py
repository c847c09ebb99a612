"""Contenders: each round takes the steps it was given, and all rounds are the same."""

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import pytest
import torch
from torch.utils.data import DataLoader

from cifar_cli.benchmark.contenders import StartingPoint, by_hand, from_tutorials, our_loop, our_loop_watched
from cifar_cli.benchmark.rounds import Contender
from cifar_cli.benchmark.tutorial_loop import PictureDataset, tutorial_transform
from cifar_cli.kernels import cuda_graphs


def ours(training: Any, start: StartingPoint, recorder: Any) -> Contender:
    return our_loop(training.state, training.task, runtime=training.runtime, observers=[recorder], start=start)


def watched(training: Any, start: StartingPoint, recorder: Any) -> Contender:
    return our_loop_watched(
        training.state, training.task, runtime=training.runtime, observers=[recorder], start=start, seconds=[]
    )


def bare(training: Any, start: StartingPoint, recorder: Any) -> Contender:
    return by_hand(
        training.state, training.task, images=training.images, batch_size=7, runtime=training.runtime, start=start
    )


def tutorial(training: Any, start: StartingPoint, recorder: Any) -> Contender:
    dataset = PictureDataset(training.images.images, training.images.labels, tutorial_transform(size=8))
    loader = DataLoader(dataset, batch_size=7, shuffle=True)
    return from_tutorials(training.state, training.task, dataloader=loader, device=training.runtime.device, start=start)


@pytest.mark.parametrize("make", [ours, watched, bare, tutorial])
def test_every_round_takes_its_steps_from_the_same_start(
    make: Callable[..., Contender], tiny_training: Callable[..., Any], recorder: Any
) -> None:
    training = tiny_training(optimizer="adam", schedule="cosine")
    contender = make(training, StartingPoint(training.state), recorder)
    before = training.state.model.fc.weight.clone()
    ends = []
    for _ in range(2):
        contender.reset()
        assert torch.equal(training.state.model.fc.weight, before)
        contender.run(3)
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
    cache = cuda_graphs.GraphCache(training.state.optimizer, device=training.runtime.device)
    training = replace(training, task=replace(training.task, graph_cache=cache))
    training.task.loader.batch_sampler.drop_last = True  # as a benchmark has it: all batches of one shape
    contender = ours(training, StartingPoint(training.state), recorder)
    contender.reset()
    assert "captured" in taken
    taken.clear()
    contender.run(2)
    assert taken == ["replayed", "replayed"]


def test_ours_is_heard_by_its_observers(tiny_training: Callable[..., Any], recorder: Any) -> None:
    training = tiny_training()
    ours(training, StartingPoint(training.state), recorder).run(2)
    assert recorder.events == ["step 1", "step 2"]


def test_the_stopwatch_gives_seconds_per_step_and_round(tiny_training: Callable[..., Any]) -> None:
    training, seconds = tiny_training(), []
    contender = our_loop_watched(
        training.state,
        training.task,
        runtime=training.runtime,
        observers=(),
        start=StartingPoint(training.state),
        seconds=seconds,
    )
    for _ in range(2):
        contender.reset()
        contender.run(3)
    assert len(seconds) == 2
    assert all(0 < one["forward"] < 1 for one in seconds)
