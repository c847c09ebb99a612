"""Checks of the machine: processor, threads, memory, and what there is besides the processor."""

import os
import warnings
from pathlib import Path

from cifar_cli import formatting
from cifar_cli.diagnosis.cgroup_limits import cpu_quota, memory_limit_bytes
from cifar_cli.diagnosis.finding import Finding, Situation

INSTRUCTION_SETS = {  # torch's name of those that matter here, and the usual name
    "amx_bf16": "AMX-bf16",
    "avx512_bf16": "AVX512-bf16",
    "avx512_f": "AVX512",
    "avx2": "AVX2",
    "sve2": "SVE2",
    "sve": "SVE",
    "neon": "NEON",
}
LITTLE_MEMORY_BYTES = 2**30  # `quickstart` takes 1.11 GiB: the head of configs/quickstart.yaml
MAX_LOAD_PER_CPU = 1.5  # the doctor itself adds up to 1 per CPU while its trial training runs
NVIDIA_DEVICE = Path("/dev/nvidiactl")  # there as soon as the driver is loaded


def check_processor(situation: Situation) -> Finding:
    """Returns the name of the processor, and its instruction sets."""
    import torch

    from cifar_cli.runs.environment import processor_name

    has = torch.cpu.get_capabilities()
    sets = [title for name, title in INSTRUCTION_SETS.items() if has.get(name)]
    used = torch.backends.cpu.get_cpu_capability()
    text = f"{processor_name()}: {', '.join(sets) or 'none of AMX, AVX512-bf16, AVX2'}; torch's own kernels use {used}"
    return Finding("ok", text, values={"name": processor_name(), "instruction_sets": sets, "torch_uses": used})


def check_threads(situation: Situation) -> Finding:
    """Returns the threads of torch, the CPUs of this process, and the quota of its control group."""
    import torch

    threads, cpus, quota = torch.get_num_threads(), _usable_cpus(), cpu_quota()
    values = {"torch": threads, "cpus": cpus, "quota": quota}
    allowed = f"a quota of {quota:g} CPUs" if quota else "no quota"
    text = f"torch computes in {threads}; {cpus} CPUs, {allowed}"
    most = min(cpus, quota or cpus)
    if threads > max(1, round(most)):
        mend = f"export OMP_NUM_THREADS={max(1, round(most))}"
        return Finding("warning", f"{text}; so many threads wait for each other", mend, values)
    return Finding("ok", text, values=values)


def check_load(situation: Situation) -> Finding:
    """Returns how busy the processor is: threads that wait for a busy CPU make a training many times slower."""
    if not hasattr(os, "getloadavg"):  # Windows
        return Finding("note", "unknown")
    load, cpus = os.getloadavg()[0], _usable_cpus()
    values = {"load": load, "cpus": cpus}
    text = f"{load:.1f} in the last minute, of {cpus} CPUs"
    if load > MAX_LOAD_PER_CPU * cpus:
        mend = "wait for the other programs; times that are measured now say little"
        return Finding("warning", f"{text}: other programs compute, too", mend, values)
    return Finding("ok", text, values=values)


def check_memory(situation: Situation) -> Finding:
    """Returns the machine's memory and the limit of the control group."""
    total, available, limit = _total_bytes(), _available_bytes(), memory_limit_bytes()
    values = {"total_bytes": total, "available_bytes": available, "limit_bytes": limit}
    parts = [
        f"{formatting.binary_bytes(available)} available" if available is not None else "",
        f"{formatting.binary_bytes(total)} in all" if total is not None else "",
        f"a limit of {formatting.binary_bytes(limit)}" if limit is not None else "",
    ]
    text = ", ".join(filter(None, parts)) or "unknown"
    least = min((size for size in (available, limit) if size is not None), default=None)
    if least is not None and least < LITTLE_MEMORY_BYTES:
        mend = "close other programs, or train with a smaller data.batch_size"
        return Finding("warning", f"{text}: quickstart takes about 1.1 GiB", mend, values)
    return Finding("ok", text, values=values)


def check_accelerator(situation: Situation) -> Finding:
    """Returns the GPUs that torch can use, and says if there is one that it cannot use."""
    import torch

    with warnings.catch_warnings(record=True) as caught:  # torch warns of a driver that is too old
        warnings.simplefilter("always")
        is_available = torch.cuda.is_available()
    if is_available:
        devices = [torch.cuda.get_device_properties(number) for number in range(torch.cuda.device_count())]
        names = [f"{device.name}, {formatting.binary_bytes(device.total_memory)}" for device in devices]
        version = f"CUDA {torch.version.cuda}" if torch.version.cuda else f"ROCm {torch.version.hip}"
        return Finding("ok", f"{'; '.join(names)}; {version}", values={"devices": names})
    if torch.backends.mps.is_available():
        return Finding("ok", "MPS", values={"devices": ["mps"]})
    if NVIDIA_DEVICE.exists():
        return _unused_gpu(torch.version.cuda, [str(warning.message).splitlines()[0] for warning in caught])
    return Finding("note", "no CUDA GPU and no MPS", values={"devices": []})


def _unused_gpu(built_for: str | None, reasons: list[str]) -> Finding:
    if built_for is None:
        mend = "install torch for CUDA, see pytorch.org/get-started/locally"
        return Finding("warning", "an NVIDIA driver is there, but this torch is built without CUDA", mend)
    reason = reasons[0] if reasons else "torch gives no reason"
    mend = "update the driver, or unset CUDA_VISIBLE_DEVICES"
    return Finding("warning", f"an NVIDIA driver is there, but torch cannot use a GPU: {reason}", mend)


def _usable_cpus() -> int:
    affinity = getattr(os, "sched_getaffinity", None)  # neither on macOS nor on Windows
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _total_bytes() -> int | None:
    try:
        return os.sysconf("SC_PHYS_PAGES") * os.sysconf("SC_PAGE_SIZE")
    except (AttributeError, ValueError, OSError):  # Windows
        return None


def _available_bytes() -> int | None:
    meminfo = Path("/proc/meminfo")
    if not meminfo.is_file():
        return None
    sizes = dict(line.split(":", 1) for line in meminfo.read_text().splitlines())
    return 1024 * int(sizes["MemAvailable"].split()[0]) if "MemAvailable" in sizes else None
