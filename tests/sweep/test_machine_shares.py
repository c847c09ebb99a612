"""How a machine is divided among the workers."""

import pytest
import torch

from cifar_cli.sweep.machine_shares import gpus_for, threads_for


@pytest.mark.parametrize(("threads", "workers", "share"), [(8, 1, 8), (8, 3, 2), (2, 2, 1)])
def test_workers_share_the_threads(threads: int, workers: int, share: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    assert threads_for(workers) == share


def test_more_workers_than_threads_get_one_each_and_a_warning(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: 2)
    assert threads_for(3) == 1
    assert "--workers 3: this machine computes in 2 threads, so that the workers wait" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("visible", "workers", "expected"),
    [
        (None, 2, ["0", "1"]),
        (None, 4, ["0", "1", "2", "0"]),
        ("2,0", 2, ["2", "0"]),
        ("GPU-a,GPU-b", 3, ["GPU-a", "GPU-b", "GPU-a"]),
    ],
)
def test_each_worker_sees_one_gpu_of_those_that_the_command_sees(
    visible: str | None, workers: int, expected: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 3)
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    if visible:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", visible)
    assert gpus_for(workers, device="auto") == expected


def test_without_a_gpu_or_with_a_named_one_nothing_is_hidden(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert gpus_for(2, device="auto") == [None, None]
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    assert gpus_for(2, device="cuda:1") == [None, None]
    assert gpus_for(2, device="cpu") == [None, None]
