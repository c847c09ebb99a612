"""The device and precision that are chosen on other machines than this one, and the errors where there is no such."""

from collections.abc import Callable

import pytest
import torch

from cifar_cli.distributed.process_group import ProcessGroup
from cifar_cli.errors import UsageError
from cifar_cli.training.runtime import Runtime, choose_runtime


class Machine:
    """Has torch report the devices of another machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, set_processor: Callable[..., None]) -> None:
        self._monkeypatch, self._set_processor = monkeypatch, set_processor

    def has(self, *, cuda: int = 0, mps: bool = False, cuda_bf16: bool = True, cpu: tuple[str, ...] = ()) -> None:
        """cuda: the number of CUDA devices; cpu: the features of the processor."""
        replace = self._monkeypatch.setattr
        replace(torch.cuda, "is_available", lambda: cuda > 0)
        replace(torch.cuda, "device_count", lambda: cuda)
        replace(torch.cuda, "is_bf16_supported", lambda including_emulation=True: cuda_bf16 or including_emulation)
        replace(torch.backends.mps, "is_available", lambda: mps)
        self._set_processor(*cpu)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch, set_processor: Callable[..., None]) -> Machine:
    return Machine(monkeypatch, set_processor)


def chosen(device: str = "auto", precision: str = "auto") -> tuple[str, str]:
    runtime = choose_runtime(device=device, precision=precision)
    return str(runtime.device), runtime.precision


def test_auto_takes_cuda_before_mps_before_the_cpu(machine: Machine) -> None:
    machine.has(cuda=1, mps=True)
    assert chosen() == ("cuda", "bf16")
    machine.has(mps=True)
    assert chosen() == ("mps", "fp32")
    machine.has()
    assert chosen() == ("cpu", "fp32")


def test_auto_takes_the_fastest_precision_of_the_device(machine: Machine) -> None:
    machine.has(cuda=1, cuda_bf16=False)
    assert chosen() == ("cuda", "fp16")
    machine.has(cpu=("avx512_bf16", "amx_bf16"))
    assert chosen() == ("cpu", "bf16")
    machine.has()
    assert chosen() == ("cpu", "fp32")


def test_a_device_and_precision_that_the_machine_has_are_taken(machine: Machine) -> None:
    machine.has(cuda=2, cpu=("avx512_bf16",))
    assert chosen("cpu", "bf16") == ("cpu", "bf16")
    assert chosen("cpu", "fp32") == ("cpu", "fp32")
    assert chosen("cuda:1", "fp16") == ("cuda:1", "fp16")


def test_a_missing_device_is_an_error_that_lists_the_available_ones(machine: Machine) -> None:
    machine.has()
    with pytest.raises(UsageError) as caught:
        choose_runtime(device="cuda")
    assert str(caught.value) == (
        "train.device: this machine has cpu, found 'cuda'; write train.device=auto to take the best there is"
    )
    machine.has(cuda=1)
    with pytest.raises(UsageError, match=r"^train\.device: this machine has cuda and cpu, found 'mps'; write "):
        choose_runtime(device="mps")


def test_a_cuda_device_number_that_is_too_high_is_an_error_with_their_number(machine: Machine) -> None:
    machine.has(cuda=2)
    with pytest.raises(UsageError) as caught:
        choose_runtime(device="cuda:2")
    assert str(caught.value) == (
        "train.device: this machine has 2 CUDA device(s), numbered from 0, found 'cuda:2'; "
        "write train.device=cuda for the first"
    )


def test_a_precision_that_the_cpu_does_not_have_is_an_error(machine: Machine) -> None:
    machine.has()
    with pytest.raises(UsageError) as caught:
        choose_runtime(precision="fp16")
    assert str(caught.value) == "train.precision: fp16 needs a GPU, found a CPU; write train.precision=auto"
    with pytest.raises(UsageError) as caught:
        choose_runtime(precision="bf16")
    assert str(caught.value) == (
        "train.precision: bf16 on a CPU needs one with AMX or AVX512-bf16, found one with neither, where it would be "
        "slower than fp32; write train.precision=auto"
    )
    assert caught.value.exit_code == 2


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_autocast_computes_matrix_products_in_the_precision(
    machine: Machine, precision: str, dtype: torch.dtype
) -> None:
    machine.has(cpu=("avx512_bf16",))
    with choose_runtime(device="cpu", precision=precision).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


def test_each_of_several_processes_takes_its_own_gpu(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.has(cuda=2)
    current: list[torch.device] = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    runtime = choose_runtime(precision="fp32", processes=ProcessGroup(rank=3, size=4, local_rank=1))
    assert runtime.device == torch.device("cuda", 1)
    assert current == [torch.device("cuda", 1)]


@pytest.mark.parametrize(
    ("has", "device", "message"),
    [
        (
            {"cuda": 1},
            "auto",
            "train.device: expected a CUDA device for each process, found 1; "
            "start as many processes with torchrun --nproc-per-node 1, or write train.device=cpu",
        ),
        (
            {"cuda": 2},
            "cuda:1",
            "train.device: several processes take a CUDA device each or share the CPU, found 'cuda:1'; "
            "write train.device=cuda or train.device=cpu",
        ),
        (
            {"mps": True},
            "auto",
            "train.device: several processes take a CUDA device each or share the CPU, found 'mps'; "
            "write train.device=cuda or train.device=cpu",
        ),
    ],
)
def test_several_processes_without_a_gpu_for_each_are_an_error(
    has: dict[str, int], device: str, message: str, machine: Machine
) -> None:
    machine.has(**has)
    with pytest.raises(UsageError) as caught:
        choose_runtime(device=device, processes=ProcessGroup(rank=1, size=2, local_rank=1))
    assert str(caught.value) == message


def test_a_cpu_is_named_by_its_threads_and_the_number_of_processes(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.has()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert Runtime(torch.device("cpu"), "fp32").device_name == "4 CPU threads"
    shared = choose_runtime(device="cpu", processes=ProcessGroup(rank=0, size=2))
    assert shared.device_name == "2 processes, each with 4 CPU threads"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert shared.device_name == "2 processes, each with 1 CPU thread"
