"""Threads, memory and GPUs of machines other than this one."""

import os
import warnings
from pathlib import Path

import pytest
import torch

from cifar_cli.diagnosis import machine_checks
from cifar_cli.diagnosis.finding import Situation
from cifar_cli.diagnosis.machine_checks import (
    check_accelerator,
    check_load,
    check_memory,
    check_processor,
    check_threads,
)

GIB = 2**30


@pytest.mark.parametrize(
    ("threads", "cpus", "quota", "status", "mend"),
    [
        (2, 2, None, "ok", ""),
        (2, 16, 2.0, "ok", ""),
        (16, 16, 2.0, "warning", "export OMP_NUM_THREADS=2"),
        (8, 4, None, "warning", "export OMP_NUM_THREADS=4"),
        (1, 4, 0.5, "ok", ""),
        (4, 4, 0.5, "warning", "export OMP_NUM_THREADS=1"),
    ],
)
def test_more_threads_than_cpus_are_a_warning(
    threads: int,
    cpus: int,
    quota: float | None,
    status: str,
    mend: str,
    situation: Situation,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads)
    monkeypatch.setattr(machine_checks, "_usable_cpus", lambda: cpus)
    monkeypatch.setattr(machine_checks, "cpu_quota", lambda: quota)
    finding = check_threads(situation)
    assert (finding.status, finding.mend) == (status, mend)
    assert finding.values == {"torch": threads, "cpus": cpus, "quota": quota}


@pytest.mark.parametrize(("load", "status"), [(0.3, "ok"), (2.9, "ok"), (9.0, "warning")])
def test_a_busy_machine_is_a_warning(
    load: float, status: str, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_checks, "_usable_cpus", lambda: 2)
    monkeypatch.setattr(os, "getloadavg", lambda: (load, 0.0, 0.0))
    finding = check_load(situation)
    assert (finding.status, finding.text[:3]) == (status, f"{load:.1f}")


@pytest.mark.parametrize(
    ("available", "limit", "status"),
    [(4 * GIB, None, "ok"), (GIB // 2, None, "warning"), (4 * GIB, GIB // 2, "warning"), (None, None, "ok")],
)
def test_little_memory_is_a_warning(
    available: int | None, limit: int | None, status: str, situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(machine_checks, "_available_bytes", lambda: available)
    monkeypatch.setattr(machine_checks, "memory_limit_bytes", lambda: limit)
    assert check_memory(situation).status == status


def test_where_nothing_is_known_of_the_memory_that_is_said(
    situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("_available_bytes", "_total_bytes", "memory_limit_bytes"):
        monkeypatch.setattr(machine_checks, name, lambda: None)
    assert check_memory(situation).text == "unknown"


def test_the_processor_has_the_instruction_sets_that_torch_reports(
    situation: Situation, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx2": True, "amx_bf16": True, "avx512_f": False})
    assert check_processor(situation).values["instruction_sets"] == ["AMX-bf16", "AVX2"]


@pytest.mark.parametrize(
    ("has_driver", "built_for", "status", "text", "mend"),
    [
        (False, "13.0", "note", "no CUDA GPU and no MPS", ""),
        (True, None, "warning", "this torch is built without CUDA", "install torch for CUDA"),
        (True, "13.0", "warning", "cannot use a GPU: the driver is too old", "update the driver"),
    ],
)
def test_a_gpu_that_torch_cannot_use_is_a_warning(
    has_driver: bool,
    built_for: str | None,
    status: str,
    text: str,
    mend: str,
    situation: Situation,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def is_available() -> bool:
        warnings.warn("the driver is too old\nmore", stacklevel=2)
        return False

    driver = tmp_path / "nvidiactl"
    if has_driver:
        driver.touch()
    monkeypatch.setattr(torch.cuda, "is_available", is_available)
    monkeypatch.setattr(torch.backends.mps, "is_available", lambda: False)
    monkeypatch.setattr(torch.version, "cuda", built_for)
    monkeypatch.setattr(machine_checks, "NVIDIA_DEVICE", driver)
    finding = check_accelerator(situation)
    assert finding.status == status
    assert text in finding.text
    assert mend in finding.mend
