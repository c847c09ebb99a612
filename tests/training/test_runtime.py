"""What is chosen on machines that this one is not, and what a person is told who asks for too much."""

import pytest
import torch

from cifar_cli.distributed.process_group import ProcessGroup
from cifar_cli.errors import UsageError
from cifar_cli.hardware import cpu_computes_bf16
from cifar_cli.training.runtime import Runtime, choose_runtime


class Machine:
    """Pretends that torch finds itself on another machine."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self._monkeypatch = monkeypatch

    def has(self, *, cuda: int = 0, mps: bool = False, cuda_bf16: bool = True, cpu: tuple[str, ...] = ()) -> None:
        """cuda: how many such devices; cpu: the features of its processor."""
        replace = self._monkeypatch.setattr
        replace(torch.cuda, "is_available", lambda: cuda > 0)
        replace(torch.cuda, "device_count", lambda: cuda)
        replace(torch.cuda, "is_bf16_supported", lambda including_emulation=True: cuda_bf16 or including_emulation)
        replace(torch.backends.mps, "is_available", lambda: mps)
        processor = dict.fromkeys(cpu, True) | {"avx2": True, "architecture": "x86"}
        replace(torch.cpu, "get_capabilities", lambda: processor)
        self._monkeypatch.delenv("ONEDNN_MAX_CPU_ISA", raising=False)


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> Machine:
    return Machine(monkeypatch)


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


def test_auto_precision_asks_the_device(machine: Machine) -> None:
    machine.has(cuda=1, cuda_bf16=False)
    assert chosen() == ("cuda", "fp16")
    machine.has(cpu=("avx512_bf16", "amx_bf16"))
    assert chosen() == ("cpu", "bf16")
    machine.has(cpu=("avx512_bf16",))
    assert chosen() == ("cpu", "fp32")
    machine.has(cpu=("avx512_bf16", "sse4a"))
    assert chosen() == ("cpu", "bf16")
    machine.has(cpu=("avx512_f", "sse4a"))
    assert chosen() == ("cpu", "fp32")


def test_what_is_asked_for_is_taken_where_the_machine_has_it(machine: Machine) -> None:
    machine.has(cuda=2, cpu=("avx512_bf16",))
    assert chosen("cpu", "bf16") == ("cpu", "bf16")
    assert chosen("cpu", "fp32") == ("cpu", "fp32")
    assert chosen("cuda:1", "fp16") == ("cuda:1", "fp16")


def test_a_device_that_is_not_there_is_an_error_that_lists_those_that_are(machine: Machine) -> None:
    machine.has()
    with pytest.raises(UsageError) as caught:
        choose_runtime(device="cuda")
    assert str(caught.value) == (
        "train.device: this machine has cpu, found 'cuda'; write train.device=auto to take the best there is"
    )
    machine.has(cuda=1)
    with pytest.raises(UsageError, match=r"^train\.device: this machine has cuda and cpu, found 'mps'; write "):
        choose_runtime(device="mps")


def test_a_cuda_device_of_too_high_a_number_is_an_error_that_counts_them(machine: Machine) -> None:
    machine.has(cuda=2)
    with pytest.raises(UsageError) as caught:
        choose_runtime(device="cuda:2")
    assert str(caught.value) == (
        "train.device: this machine has 2 CUDA device(s), numbered from 0, found 'cuda:2'; "
        "write train.device=cuda for the first"
    )


def test_a_precision_that_the_cpu_cannot_compute_in_is_an_error(machine: Machine) -> None:
    machine.has()
    assert not cpu_computes_bf16()
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


@pytest.mark.parametrize(
    ("most", "on_intel", "on_amd"),
    [
        ("AVX2", "fp32", "fp32"),
        ("AVX512_CORE_VNNI", "fp32", "fp32"),
        ("avx512_core_bf16", "fp32", "bf16"),
        ("AVX512_CORE_FP16", "fp32", "bf16"),
        ("AVX512_CORE_AMX", "bf16", "bf16"),
        ("AVX10_1_512", "fp32", "bf16"),
        ("AVX10_1_512_AMX", "bf16", "bf16"),
        ("ALL", "bf16", "bf16"),
        ("DEFAULT", "bf16", "bf16"),
    ],
)
def test_instructions_that_onednn_may_not_use_do_not_count(
    machine: Machine, monkeypatch: pytest.MonkeyPatch, most: str, on_intel: str, on_amd: str
) -> None:
    machine.has(cpu=("avx512_bf16", "amx_bf16"))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", most)
    assert chosen() == ("cpu", on_intel)
    machine.has(cpu=("avx512_bf16", "sse4a"))
    monkeypatch.setenv("ONEDNN_MAX_CPU_ISA", most)
    assert chosen() == ("cpu", on_amd)


@pytest.mark.parametrize(("feature", "computes"), [("amx_bf16", True), ("avx512_bf16", True), ("avx512_f", False)])
def test_bf16_on_a_cpu_needs_its_instructions(machine: Machine, feature: str, computes: bool) -> None:
    machine.has(cpu=(feature,))
    assert cpu_computes_bf16() is computes


@pytest.mark.parametrize(("precision", "dtype"), [("fp32", torch.float32), ("bf16", torch.bfloat16)])
def test_autocast_computes_matrix_products_in_the_precision(
    machine: Machine, precision: str, dtype: torch.dtype
) -> None:
    machine.has(cpu=("avx512_bf16",))
    with choose_runtime(device="cpu", precision=precision).autocast():
        assert (torch.ones(2, 2) @ torch.ones(2, 2)).dtype == dtype


@pytest.mark.parametrize(
    ("shape", "filters"),
    [
        ((8, 3, 32, 32), (24, 3, 2, 2)),  # a kernel that torch has had wrong results with
        ((8, 24, 31, 31), (64, 24, 3, 3)),
        ((8, 256, 3, 3), (256, 256, 3, 3)),
        ((8, 3, 32, 32), (32, 3, 5, 5)),
    ],
    ids=str,
)
def test_a_convolution_in_bf16_is_the_exact_one_up_to_rounding(
    shape: tuple[int, ...], filters: tuple[int, ...]
) -> None:
    generator = torch.Generator().manual_seed(0)
    images, weight, gradient = (
        torch.randn(size, generator=generator).bfloat16() for size in (shape, filters, (8, filters[0], *shape[2:]))
    )

    def values_and_gradients(dtype: torch.dtype) -> list[torch.Tensor]:
        inputs = [
            numbers.to(dtype).contiguous(memory_format=torch.channels_last).requires_grad_()
            for numbers in (images, weight)
        ]
        convolved = torch.nn.functional.conv2d(*inputs, padding=(filters[-1] - 1) // 2)
        rows, columns = convolved.shape[2:]
        return [convolved.detach(), *torch.autograd.grad(convolved, inputs, gradient[..., :rows, :columns].to(dtype))]

    for got, exact in zip(values_and_gradients(torch.bfloat16), values_and_gradients(torch.float64), strict=True):
        assert (got - exact).norm() <= 0.01 * exact.norm()


def test_the_cpu_is_called_by_its_threads() -> None:
    assert choose_runtime(device="cpu").device_name == f"{torch.get_num_threads()} CPU thread" + "s" * (
        torch.get_num_threads() > 1
    )


def test_each_of_several_processes_takes_a_gpu_of_its_own(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
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
def test_several_processes_without_a_gpu_for_each_are_told_what_to_write(
    has: dict[str, int], device: str, message: str, machine: Machine
) -> None:
    machine.has(**has)
    with pytest.raises(UsageError) as caught:
        choose_runtime(device=device, processes=ProcessGroup(rank=1, size=2, local_rank=1))
    assert str(caught.value) == message


def test_the_device_is_told_with_the_number_of_processes(machine: Machine, monkeypatch: pytest.MonkeyPatch) -> None:
    machine.has()
    monkeypatch.setattr(torch, "get_num_threads", lambda: 4)
    assert Runtime(torch.device("cpu"), "fp32").device_name == "4 CPU threads"
    shared = choose_runtime(device="cpu", processes=ProcessGroup(rank=0, size=2))
    assert shared.device_name == "2 processes, each with 4 CPU threads"
    monkeypatch.setattr(torch, "get_num_threads", lambda: 1)
    assert shared.device_name == "2 processes, each with 1 CPU thread"
