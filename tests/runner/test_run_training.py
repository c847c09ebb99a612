"""Trainings in several processes, and errors of torch that a person can mend."""

from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
import torch

from cifar_cli.distributed.process_group import ProcessGroup
from cifar_cli.runner import run_training
from cifar_cli.runner.run_training import train_as_worker
from cifar_cli.training.runtime import Runtime


def test_processes_draw_different_dropout_masks_after_resuming_too(monkeypatch: pytest.MonkeyPatch) -> None:
    numbers: list[float] = []
    monkeypatch.setattr(run_training, "fit", lambda *args, **kwargs: numbers.append(torch.rand(()).item()))
    monkeypatch.setattr(ProcessGroup, "all_reduce_max", lambda self, number: number)
    with torch.random.fork_rng():
        for rank, step in [(1, 0), (2, 0), (1, 7), (1, 0)]:
            runtime = Runtime(torch.device("cpu"), "fp32", ProcessGroup(rank, 3))
            state = SimpleNamespace(progress=SimpleNamespace(step=step))
            train_as_worker(SimpleNamespace(state=state, task=None, runtime=runtime), seed=0)
    assert len(set(numbers)) == 3
    assert numbers[0] == numbers[3]


@pytest.mark.parametrize(("rank", "is_printed"), [("0", True), ("1", False)])
def test_a_mistake_that_every_process_finds_is_reported_by_the_main_process(
    rank: str, is_printed: bool, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    outcome = cifar("train", "--config", "small.yaml", "optimizer.lr=fast")
    assert outcome.code == 2
    assert ("expected a number above 0, found 'fast'" in outcome.err) == is_printed
    assert bool(outcome.err) == is_printed


def test_an_error_that_only_one_process_may_meet_is_reported_by_that_process(
    cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    outcome = cifar("train", "--resume", "nothing")
    assert outcome.code == 2
    assert outcome.err.startswith("error: nothing: expected a run folder")


@pytest.mark.parametrize(
    ("torch_message", "message"),
    [
        (
            "CUDA error: operation not permitted when stream is capturing\nCUDA kernel errors might be",
            "train.cuda_graphs: a step cannot be captured: CUDA error: operation not permitted when stream is "
            "capturing; write train.cuda_graphs=false",
        ),
        (
            "adaptive_avg_pool2d_backward_cuda does not have a deterministic implementation, but you set "
            "'torch.use_deterministic_algorithms(True)'. You can turn off determinism just for this operation, or you",
            "train.deterministic: adaptive_avg_pool2d_backward_cuda does not have a deterministic implementation, but "
            "you set 'torch.use_deterministic_algorithms(True)'; leave it out, or use train.device=cpu",
        ),
    ],
    ids=["captured", "deterministic"],
)
def test_what_torch_cannot_do_is_an_error_with_a_mend(
    torch_message: str, message: str, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise RuntimeError(torch_message)

    monkeypatch.setattr(run_training, "fit", refuse)
    outcome = cifar("train", "--config", "small.yaml")
    assert outcome.code == 2
    assert outcome.err.replace("\n", " ").strip().endswith(message)
