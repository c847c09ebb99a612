"""When a step is captured as a CUDA graph, and that a replay computes what the step computes."""

from collections.abc import Callable
from copy import deepcopy
from dataclasses import replace
from types import SimpleNamespace
from typing import Any, ClassVar

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.kernels import cuda_graphs
from cifar_cli.kernels.cuda_graphs import GraphCache, can_capture, tensor_lrs
from cifar_cli.kernels.undone_step import state_tensors
from cifar_cli.optim.build_optimizer import build_optimizer
from cifar_cli.training.loop import fit

needs_cuda = pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
CPU = torch.device("cpu")
CAPTURE_AND_REPLAY = ["capture", "replay"]


@pytest.mark.parametrize(
    ("device", "precision", "expected"),
    [("cuda", "bf16", True), ("cuda", "fp32", True), ("cuda", "fp16", False), ("cpu", "bf16", False)],
)
def test_steps_are_captured_on_cuda_unless_they_wait_for_the_device(
    device: str, precision: str, expected: bool
) -> None:
    assert can_capture(torch.device(device), precision) is expected


class FakeCapturedStep(cuda_graphs.CapturedStep):
    """A captured step without a GPU: the step itself. calls: what was done with such steps."""

    calls: ClassVar[list[str]] = []

    def __init__(self, step: Any, images: Tensor, targets: Tensor, *, optimizer: torch.optim.Optimizer) -> None:
        self.step, self._state = step, state_tensors(optimizer)
        self.calls.append("capture")

    def replay(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        self.calls.append("replay")
        return self.step(images, targets)


class Steps:
    """Takes steps through a GraphCache with fake captured steps."""

    def __init__(self) -> None:
        self.model = nn.Linear(2, 1, bias=False)
        self.weight = self.model.weight
        nn.init.ones_(self.weight)
        self.weight.grad = torch.ones_like(self.weight)
        self.optimizer = torch.optim.SGD([self.weight], lr=0.5, momentum=0.9)
        self.cache = GraphCache(self.model, self.optimizer, device=CPU)

    def take(self, batch: int, targets: Tensor | None = None) -> list[str]:
        """Takes a step; returns how."""
        FakeCapturedStep.calls.clear()
        targets = torch.zeros(batch, dtype=torch.int64) if targets is None else targets
        self.cache.take(self.step, torch.zeros(batch, 3, 2, 2), targets)
        return FakeCapturedStep.calls.copy()

    def step(self, images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        self.optimizer.step()
        return torch.zeros(()), torch.zeros(len(images), 2)


@pytest.fixture
def fake_capture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cuda_graphs, "CapturedStep", FakeCapturedStep)


@pytest.fixture
def steps(fake_capture: None) -> Steps:
    return Steps()


def test_the_first_step_of_a_shape_is_captured_and_all_are_replayed(steps: Steps) -> None:
    assert [steps.take(batch=4) for _ in range(3)] == [CAPTURE_AND_REPLAY, ["replay"], ["replay"]]
    assert [steps.take(batch=3) for _ in range(2)] == [CAPTURE_AND_REPLAY, ["replay"]]
    assert steps.take(batch=4) == ["replay"]


def test_class_probabilities_as_targets_have_a_graph_of_their_own(steps: Steps) -> None:
    probabilities = torch.full((4, 2), 0.5)
    assert steps.take(batch=4) == CAPTURE_AND_REPLAY
    assert steps.take(batch=4, targets=probabilities) == CAPTURE_AND_REPLAY
    assert [steps.take(batch=4), steps.take(batch=4, targets=probabilities)] == [["replay"], ["replay"]]


def test_a_learning_rate_that_becomes_zero_needs_another_graph_and_other_changes_do_not(steps: Steps) -> None:
    steps.take(batch=4)
    steps.optimizer.param_groups[0]["lr"] = 0.25
    assert steps.take(batch=4) == ["replay"]
    steps.optimizer.param_groups[0]["lr"] = 0.0
    assert steps.take(batch=4) == CAPTURE_AND_REPLAY


def test_a_group_that_is_frozen_needs_a_graph_without_its_gradients(steps: Steps) -> None:
    steps.take(batch=4)
    steps.weight.requires_grad_(False)
    assert [steps.take(batch=4) for _ in range(2)] == [CAPTURE_AND_REPLAY, ["replay"]]


def test_loading_optimizer_state_clears_the_cache(steps: Steps) -> None:
    steps.take(batch=4)
    steps.optimizer.load_state_dict(deepcopy(steps.optimizer.state_dict()))
    assert [steps.take(batch=4) for _ in range(2)] == [CAPTURE_AND_REPLAY, ["replay"]]


def test_only_the_first_step_of_a_key_and_its_capture_count_as_compiling(
    steps: Steps, monkeypatch: pytest.MonkeyPatch
) -> None:
    now, optimizer_step = 0.0, steps.optimizer.step

    def slow_step() -> None:
        nonlocal now
        now += 8.0
        optimizer_step()

    monkeypatch.setattr(cuda_graphs, "time", SimpleNamespace(perf_counter=lambda: now))
    monkeypatch.setattr(steps.optimizer, "step", slow_step)
    for batch, expected in [(4, 8.0), (4, 8.0), (3, 16.0), (4, 16.0)]:
        steps.take(batch)
        assert steps.cache.compile_seconds == expected
    assert now == 48.0  # four steps, and two that were undone


@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon"])
def test_a_training_by_replays_has_the_bits_of_one_without_them(
    fake_capture: None, tiny_training: Callable[..., Any], optimizer: str
) -> None:
    """With dropout, BatchNorm, an average, and batches of two sizes: what the undone first steps could spoil."""

    def trained(*, is_captured: bool) -> dict[str, Any]:
        training = tiny_training(optimizer=optimizer, schedule="cosine", average="ema")
        state, task = training.state, training.task
        if is_captured:
            task = replace(task, graph_cache=GraphCache(state.model, state.optimizer, device=CPU))
        fit(state, task, runtime=training.runtime)
        assert bool(task.compile_seconds) is is_captured
        saved = state.state_dict()
        return {**saved, "random": saved["random"]["torch"]}

    with_replays, without = trained(is_captured=True), trained(is_captured=False)
    for part in ("model", "average", "optimizer", "random"):
        torch.testing.assert_close(with_replays[part], without[part], rtol=0, atol=0)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "muon"])
def test_a_learning_rate_in_a_tensor_moves_weights_as_a_number_does(name: str) -> None:
    def moved(*, in_tensor: bool) -> Tensor:
        torch.manual_seed(0)
        model = nn.Linear(6, 5, bias=False)
        optimizer = build_optimizer(name, model, lr=0.25, weight_decay=0.01, fused=True)
        for lr in (0.25, 0.125, 0.0):
            optimizer.param_groups[0]["lr"] = lr
            model.weight.grad = torch.randn(5, 6)
            if in_tensor:
                with tensor_lrs(optimizer, torch.tensor([lr])):
                    optimizer.step()
            else:
                optimizer.step()
            assert repr(optimizer.param_groups[0]["lr"]) == repr(lr)  # a number again, no tensor
        return model.weight.detach()

    torch.testing.assert_close(moved(in_tensor=True), moved(in_tensor=False))


@needs_cuda
@pytest.mark.parametrize("clip", [None, 0.1])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw", "muon"])
def test_a_captured_training_has_the_weights_of_an_eager_one(
    tiny_training: Callable[..., Any], optimizer: str, clip: float | None
) -> None:
    def trained(*, is_captured: bool) -> dict[str, Tensor]:
        training = tiny_training(
            optimizer=optimizer,
            clip_grad_norm=clip,
            schedule="cosine",
            average="ema",
            average_arguments={"decay": 0.9},
            epochs=6,
            device="cuda",
            is_captured=is_captured,
        )
        fit(training.state, training.task, runtime=training.runtime)
        return {**training.state.model.state_dict(), "averaged": training.state.average.averaged["fc.weight"]}

    torch.testing.assert_close(trained(is_captured=True), trained(is_captured=False), rtol=1e-3, atol=1e-4)


@needs_cuda
def test_gradients_are_those_of_the_step_just_taken(tiny_training: Callable[..., Any]) -> None:
    training = tiny_training(device="cuda", is_captured=True)
    cache, model = training.task.graph_cache, training.state.model

    def step(images: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        training.state.optimizer.zero_grad()
        logits = model.fc(images.flatten(1))
        loss = nn.functional.cross_entropy(logits, targets)
        loss.backward()
        training.state.optimizer.step()
        return loss.detach(), logits.detach()

    def gradient(batch: int) -> tuple[Tensor, Tensor]:
        torch.manual_seed(batch)
        images, labels = torch.randn(batch, 16, device="cuda"), torch.arange(batch, device="cuda") % 4
        weight = model.fc.weight.detach().clone().requires_grad_()
        logits = images @ weight.T + model.fc.bias.detach()
        nn.functional.cross_entropy(logits, labels).backward()
        cache.take(step, images, labels)
        return model.fc.weight.grad, weight.grad

    for batch in [4, 4, 4, 3, 3, 3, 4, 3, 5, 4]:
        torch.testing.assert_close(*gradient(batch), rtol=1e-4, atol=1e-6)
