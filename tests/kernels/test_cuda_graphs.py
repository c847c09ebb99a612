"""Steps that a GPU repeats from a recording: when one is recorded, and that it computes what the step computes."""

from collections.abc import Callable
from copy import deepcopy
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.kernels import cuda_graphs
from cifar_cli.kernels.cuda_graphs import GraphCache, can_capture, rates_from
from cifar_cli.optim.build_optimizer import build_optimizer
from cifar_cli.training.loop import fit

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
CPU = torch.device("cpu")
LABELS = torch.zeros(4, dtype=torch.int64)


@pytest.mark.parametrize(
    ("device", "precision", "expected"),
    [("cuda", "bf16", True), ("cuda", "fp32", True), ("cuda", "fp16", False), ("cpu", "bf16", False)],
)
def test_steps_are_recorded_on_cuda_where_none_has_to_wait(device: str, precision: str, expected: bool) -> None:
    assert can_capture(torch.device(device), precision) is expected


class Paper(cuda_graphs.CapturedStep):
    """A recording without a GPU: notes what it was asked for, and takes the step itself."""

    def __init__(self, step: Any, images: Tensor, labels: Tensor, *, optimizer: torch.optim.Optimizer) -> None:
        self.step, self.optimizer = step, optimizer
        self._kept = cuda_graphs._kept_by(optimizer)
        notes.append(("record", len(images)))

    def replay(self, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        notes.append(("replay", len(images)))
        return self.step(images, labels)


notes: list[tuple[str, int]] = []


@pytest.fixture
def recordings(monkeypatch: pytest.MonkeyPatch) -> GraphCache:
    notes.clear()
    monkeypatch.setattr(cuda_graphs, "CapturedStep", Paper)
    weight = nn.Parameter(torch.ones(2))
    weight.grad = torch.ones(2)
    return GraphCache(torch.optim.SGD([weight], lr=0.5, momentum=0.9), device=CPU)


def take(recordings: GraphCache, batch: int) -> list[tuple[str, int]]:
    """Takes a step, and returns what it took: a plain one, a recording, a replay."""
    before = len(notes)

    def step(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        recordings._optimizer.step()
        return torch.zeros(()), torch.zeros(len(images), 2)

    recordings.take(step, torch.zeros(batch, 3, 2, 2), LABELS)
    return notes[before:]


def test_the_second_step_of_a_shape_is_recorded_and_all_after_it_are_replayed(recordings: GraphCache) -> None:
    assert [take(recordings, batch=4) for _ in range(3)] == [[], [("record", 4), ("replay", 4)], [("replay", 4)]]
    assert [take(recordings, batch=3) for _ in range(2)] == [[], [("record", 3), ("replay", 3)]]
    assert take(recordings, batch=4) == [("replay", 4)]


def test_a_group_that_comes_to_a_stand_makes_another_kind_of_step(recordings: GraphCache) -> None:
    for _ in range(2):
        take(recordings, batch=4)
    recordings._optimizer.param_groups[0]["lr"] = 0.25
    assert take(recordings, batch=4) == [("replay", 4)]
    recordings._optimizer.param_groups[0]["lr"] = 0.0
    assert take(recordings, batch=4) == []


def test_where_the_optimisers_memory_is_another_all_begins_anew(recordings: GraphCache) -> None:
    for _ in range(2):
        take(recordings, batch=4)
    recordings._optimizer.load_state_dict(deepcopy(recordings._optimizer.state_dict()))
    assert take(recordings, batch=4) == []
    assert take(recordings, batch=4) == [("record", 4), ("replay", 4)]


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "muon"])
def test_a_learning_rate_in_memory_moves_weights_as_a_number_does(name: str) -> None:
    def moved(*, in_memory: bool) -> Tensor:
        torch.manual_seed(0)
        model = nn.Linear(6, 5, bias=False)
        optimizer = build_optimizer(name, model, lr=0.25, weight_decay=0.01, fused=True)
        for rate in (0.25, 0.125, 0.0):
            optimizer.param_groups[0]["lr"] = rate
            model.weight.grad = torch.randn(5, 6)
            if in_memory:
                with rates_from(torch.tensor([rate]), optimizer):
                    optimizer.step()
            else:
                optimizer.step()
            assert repr(optimizer.param_groups[0]["lr"]) == repr(rate)  # a number again, no tensor
        return model.weight.detach()

    torch.testing.assert_close(moved(in_memory=True), moved(in_memory=False))


@needs_cuda
@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon"])
def test_a_recorded_training_comes_to_the_weights_of_one_that_is_not(
    tiny_training: Callable[..., Any], optimizer: str, clip: float | None
) -> None:
    def trained(*, is_recorded: bool) -> dict[str, Tensor]:
        training = tiny_training(
            optimizer=optimizer,
            optimizer_arguments={"clip_grad_norm": clip},
            schedule="cosine",
            average="ema",
            average_arguments={"decay": 0.9},
            epochs=6,
            device="cuda",
            is_recorded=is_recorded,
        )
        fit(training.state, training.task, runtime=training.runtime)
        return {**training.state.model.state_dict(), "averaged": training.state.average.averaged["fc.weight"]}

    torch.testing.assert_close(trained(is_recorded=True), trained(is_recorded=False), rtol=1e-3, atol=1e-4)


@needs_cuda
def test_gradients_are_those_of_the_step_just_taken(tiny_training: Callable[..., Any]) -> None:
    training = tiny_training(device="cuda", is_recorded=True)
    recordings, model = training.task.recordings, training.state.model

    def step(images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
        training.state.optimizer.zero_grad()
        logits = model.fc(images.flatten(1))
        loss = nn.functional.cross_entropy(logits, labels)
        loss.backward()
        training.state.optimizer.step()
        return loss.detach(), logits.detach()

    def gradient(batch: int) -> tuple[Tensor, Tensor]:
        torch.manual_seed(batch)
        images, labels = torch.randn(batch, 16, device="cuda"), torch.arange(batch, device="cuda") % 4
        weight = model.fc.weight.detach().clone().requires_grad_()
        logits = images @ weight.T + model.fc.bias.detach()
        nn.functional.cross_entropy(logits, labels).backward()
        recordings.take(step, images, labels)
        return model.fc.weight.grad, weight.grad

    for batch in [4, 4, 4, 3, 3, 3, 4, 3, 5, 4]:
        torch.testing.assert_close(*gradient(batch), rtol=1e-4, atol=1e-6)
