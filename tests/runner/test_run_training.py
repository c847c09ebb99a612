"""Who takes part in a training and who speaks: several processes, several GPUs."""

import signal
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest
import torch

from cifar_cli import config
from cifar_cli.console.result_tables import describe_training_time
from cifar_cli.distributed.process_group import ProcessGroup
from cifar_cli.observers.progress_bar import ProgressBar
from cifar_cli.runner import run_training
from cifar_cli.runner.observers import TrainingRun
from cifar_cli.runner.run_training import hint_at_more_gpus, train_as_worker
from cifar_cli.runs.json_files import read_json
from cifar_cli.training.runtime import CPU, Runtime
from cifar_cli.training.state import TrainingState

GPU = Runtime(torch.device("cuda"), "bf16")


def test_idle_gpus_are_pointed_out() -> None:
    assert hint_at_more_gpus(GPU, count=4) == (
        "one of this machine's 4 GPUs is used; for all of them write "
        "torchrun --nproc-per-node 4 -m cifar_cli train in the place of cifar train"
    )


@pytest.mark.parametrize(
    ("runtime", "count"),
    [
        (GPU, 1),
        (Runtime(torch.device("cpu"), "fp32"), 4),
        (Runtime(torch.device("cuda", 0), "bf16", ProcessGroup(rank=0, size=4)), 4),
    ],
)
def test_where_none_is_idle_nothing_is_said(runtime: Runtime, count: int) -> None:
    assert hint_at_more_gpus(runtime, count=count) is None


@pytest.mark.parametrize(
    ("runtime", "word", "is_told_apart"),
    [
        (CPU, "train.compile=false", False),
        (CPU, "train.compile=true", True),
        (GPU, "train.compile=false", True),
    ],
)
def test_a_first_step_is_told_apart_where_it_readies_kernels(runtime: Runtime, word: str, is_told_apart: bool) -> None:
    run, splits, training = cast(Any, None), cast(Any, None), cast(Any, SimpleNamespace(runtime=runtime))
    assert TrainingRun(run, config.load("sequential", [word]), splits, training).warms_up == is_told_apart


def test_the_time_of_a_first_step_is_told_where_it_is_known() -> None:
    assert describe_training_time(3.94, None) == "3.9 s of training"
    assert describe_training_time(3.94, 1.36) == "3.9 s of training (1.4 s of it the first step)"


def test_processes_draw_different_dropout_masks_after_resuming_too(monkeypatch: pytest.MonkeyPatch) -> None:
    drawn: list[float] = []
    monkeypatch.setattr(run_training, "fit", lambda *args, **kwargs: drawn.append(torch.rand(()).item()))
    monkeypatch.setattr(ProcessGroup, "all_reduce_max", lambda self, number: number)
    with torch.random.fork_rng():
        for rank, step in [(1, 0), (2, 0), (1, 7), (1, 0)]:
            runtime = Runtime(torch.device("cpu"), "fp32", ProcessGroup(rank, 3))
            state = SimpleNamespace(progress=SimpleNamespace(step=step))
            train_as_worker(SimpleNamespace(state=state, task=None, runtime=runtime), seed=0)
    assert len(set(drawn)) == 3
    assert drawn[0] == drawn[3]


def interrupt_at_step_13(monkeypatch: pytest.MonkeyPatch, *, times: int, first: Callable[[], None]) -> None:
    """Has this process sent Ctrl-C so many times in the third step of the second epoch, after `first` was called."""

    def step_ended(self: ProgressBar, state: TrainingState) -> None:
        if state.progress.step == 13:
            first()
            for _ in range(times):
                signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(ProgressBar, "step_ended", step_ended)


def test_a_second_ctrl_c_stops_at_once_and_says_what_is_lost(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        interrupt_at_step_13(patch, times=2, first=lambda: None)
        outcome = cifar("train", "--config", "small.yaml")
    (run,) = (tmp_path / "logs").iterdir()
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == (
        "error: stopped at once; the last checkpoint was saved after epoch 1, step 10, and later steps are lost; "
        f"continue with: cifar train --resume logs/{run.name}"
    )
    assert "saved; continue" not in outcome.err
    assert read_json(run / "summary.json")["status"] == "interrupted"
    resumed = cifar("train", "--resume", run)
    assert resumed.code == 0, resumed.err
    assert f"resuming {run} after epoch 1, step 10" in resumed.err


def test_a_second_ctrl_c_without_a_checkpoint_says_that_nothing_was_saved(
    cifar: Callable[..., Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def remove_checkpoints() -> None:
        for path in tmp_path.glob("logs/*/checkpoints/*.pt"):
            path.unlink()

    interrupt_at_step_13(monkeypatch, times=2, first=remove_checkpoints)
    outcome = cifar("train", "--config", "small.yaml")
    assert outcome.code == 130
    assert outcome.err.splitlines()[-1] == "error: stopped at once, before anything was saved"


@pytest.mark.parametrize(("rank", "tells"), [("0", True), ("1", False)])
def test_a_mistake_that_every_process_finds_is_told_by_the_main_one(
    rank: str, tells: bool, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", rank)
    outcome = cifar("train", "--config", "small.yaml", "optimizer.lr=fast")
    assert outcome.code == 2
    assert ("expected a number above 0, found 'fast'" in outcome.err) == tells
    assert bool(outcome.err) == tells


def test_an_error_that_one_process_alone_may_meet_is_told_by_it(
    cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("RANK", "1")
    outcome = cifar("train", "--resume", "nothing")
    assert outcome.code == 1
    assert outcome.err.startswith("error: nothing: expected a run folder")


def test_a_deterministic_training_sets_torchs_flag_and_only_then(
    cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[bool] = []
    monkeypatch.setattr(torch, "use_deterministic_algorithms", asked.append)
    assert cifar("train", "--config", "small.yaml", "--dry-run").code == 0
    assert asked == []
    assert cifar("train", "--config", "small.yaml", "--dry-run", "train.deterministic=true").code == 0
    assert asked == [True]


@pytest.mark.parametrize(
    ("in_torchs_words", "told"),
    [
        (
            "CUDA error: operation not permitted when stream is capturing\nCUDA kernel errors might be",
            "train.cuda_graphs: a step cannot be recorded: CUDA error: operation not permitted when stream is "
            "capturing; write train.cuda_graphs=false",
        ),
        (
            "adaptive_avg_pool2d_backward_cuda does not have a deterministic implementation, but you set "
            "'torch.use_deterministic_algorithms(True)'. You can turn off determinism just for this operation, or you",
            "train.deterministic: adaptive_avg_pool2d_backward_cuda does not have a deterministic implementation, but "
            "you set 'torch.use_deterministic_algorithms(True)'; leave it out, or use train.device=cpu",
        ),
    ],
    ids=["recorded", "deterministic"],
)
def test_what_torch_cannot_do_is_told_with_its_mend(
    in_torchs_words: str, told: str, cifar: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object, **kwargs: object) -> None:
        raise RuntimeError(in_torchs_words)

    monkeypatch.setattr(run_training, "fit", refuse)
    outcome = cifar("train", "--config", "small.yaml")
    assert outcome.code == 2
    assert outcome.err.replace("\n", " ").strip().endswith(told)
