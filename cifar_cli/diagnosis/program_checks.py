"""Checks of the program and what it is run with: its version and source, Python, packages, environment variables."""

import os
import platform
import re
import sys
from importlib import metadata
from pathlib import Path

import cifar_cli
from cifar_cli.diagnosis.finding import Finding, Situation

# What the program itself reads, and what changes torch, NumPy or the terminal. No other variable is ever printed.
VARIABLES = (
    "CIFAR_DATA_DIR",
    "CIFAR_MIRROR",
    "CUDA_VISIBLE_DEVICES",
    "CUDA_LAUNCH_BLOCKING",
    "PYTORCH_ALLOC_CONF",
    "PYTORCH_CUDA_ALLOC_CONF",
    "PYTORCH_ENABLE_MPS_FALLBACK",
    "CUBLAS_WORKSPACE_CONFIG",
    "OMP_NUM_THREADS",
    "MKL_NUM_THREADS",
    "KMP_AFFINITY",
    "ATEN_CPU_CAPABILITY",
    "ONEDNN_MAX_CPU_ISA",
    "DNNL_MAX_CPU_ISA",
    "MALLOC_MMAP_THRESHOLD_",
    "MALLOC_TRIM_THRESHOLD_",
    "MALLOC_TOP_PAD_",
    "GLIBC_TUNABLES",
    "CC",
    "XDG_CACHE_HOME",
    "RANK",
    "WORLD_SIZE",
    "LOCAL_RANK",
    "MASTER_PORT",
    "PYTHONUTF8",
    "PYTHONIOENCODING",
    "LC_ALL",
    "LANG",
    "TERM",
    "COLUMNS",
    "NO_COLOR",
    "FORCE_COLOR",
)
# Their values name hosts or hold passwords: it is only said that they are set.
SET_ONLY = ("MASTER_ADDR", "HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy", "LD_PRELOAD")


def check_program(situation: Situation) -> Finding:
    """Returns the version of the program, where it is, and in a checkout its commit."""
    from cifar_cli.runs.environment import is_source_changed, source_commit

    source = Path(cifar_cli.__file__)
    commit, is_changed = source_commit(source), is_source_changed(source)
    state = {True: ", changed since", False: ", unchanged", None: ""}[is_changed]
    at = f"commit {commit[:12]}{state}" if commit else "installed, no checkout"
    return Finding(
        "ok",
        f"{cifar_cli.__version__}, {at}, in {source.parent}",
        values={
            "version": cifar_cli.__version__,
            "commit": commit,
            "is_changed": is_changed,
            "folder": str(source.parent),
        },
    )


def check_python(situation: Situation) -> Finding:
    """Returns the version of Python and of the system."""
    version, kind = platform.python_version(), platform.python_implementation()
    values = {"version": version, "implementation": kind, "platform": platform.platform(), "executable": sys.executable}
    return Finding("ok", f"{version} ({kind}) on {platform.platform()}, {sys.executable}", values=values)


def check_packages(situation: Situation) -> Finding:
    """Returns the versions of the packages that the program needs, and which are missing or too old."""
    versions, missing, too_old = {}, [], []
    for requirement in metadata.requires("cifar-cli") or []:
        name, lowest = split_requirement(requirement)
        if "extra ==" in requirement:
            continue
        try:
            versions[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            missing.append(requirement)
            continue
        if release(versions[name]) < release(lowest):
            too_old.append(f"{name} {versions[name]} is older than {lowest}")
    text = ", ".join(f"{name} {version}" for name, version in versions.items())
    if missing:
        wanted = " ".join(f"'{requirement}'" for requirement in missing)
        return Finding("problem", f"missing: {', '.join(missing)}; there: {text}", f"pip install {wanted}", versions)
    if too_old:
        return Finding("warning", f"{'; '.join(too_old)}; all: {text}", "pip install --upgrade cifar-cli", versions)
    return Finding("ok", text, values=versions)


def check_variables(situation: Situation) -> Finding:
    """Returns the environment variables that are set and that change how the program runs."""
    found = {name: os.environ[name] for name in VARIABLES if name in os.environ}
    found |= {name: "(set)" for name in SET_ONLY if name in os.environ}
    return Finding("ok", ", ".join(f"{name}={value}" for name, value in found.items()) or "none set", values=found)


def split_requirement(requirement: str) -> tuple[str, str]:
    """Returns name and lowest version: `torch` and `2.11` for `torch>=2.11`; version 0 without a bound."""
    name = re.match(r"[\w.-]+", requirement)
    lowest = re.search(r">=\s*([\w.]+)", requirement)
    assert name is not None
    return name[0], lowest[1] if lowest else "0"


def release(version: str) -> tuple[int, ...]:
    """Returns (2, 15, 0) for `2.15.0+cu130`: enough to compare with a lower bound."""
    numbers = re.match(r"\d+(\.\d+)*", version)
    return tuple(map(int, numbers[0].split("."))) if numbers else (0,)
