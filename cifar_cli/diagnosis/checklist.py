"""The checks of `cifar doctor`, in the order in which they are made and printed.

To add one, write a function from a `Situation` to a `Finding`, and its line here.
"""

from functools import partial

from cifar_cli.data.datasets.table import DATASETS
from cifar_cli.diagnosis.finding import WITH_TORCH_SECONDS, Check
from cifar_cli.diagnosis.folder_checks import (
    check_data_folder,
    check_data_lock,
    check_log_dir,
    check_log_lock,
    check_temporary_folder,
)
from cifar_cli.diagnosis.image_checks import check_dataset, check_mirrors, check_own_images
from cifar_cli.diagnosis.machine_checks import (
    check_accelerator,
    check_load,
    check_memory,
    check_processor,
    check_threads,
)
from cifar_cli.diagnosis.program_checks import check_packages, check_program, check_python, check_variables
from cifar_cli.diagnosis.terminal_checks import check_encoding, check_tensorboard, check_terminal
from cifar_cli.diagnosis.torch_checks import (
    check_auto,
    check_convolutions,
    check_kernels,
    check_numpy,
    check_torch,
    check_torchvision,
    check_training,
)

# What needs torch, and what a training cannot do without.
on_torch = partial(Check, needs="torch", limit_seconds=WITH_TORCH_SECONDS)
vital = partial(on_torch, on_failure="problem")


def checklist(*, with_mirrors: bool) -> list[Check]:
    """Returns all checks. with_mirrors: whether servers are asked."""
    return [
        Check("Program", "cifar", check_program),
        Check("Program", "python", check_python),
        Check("Program", "packages", check_packages),
        Check("Program", "torch", check_torch, on_failure="problem", limit_seconds=WITH_TORCH_SECONDS),
        vital("Program", "numpy", check_numpy),
        on_torch("Program", "torchvision", check_torchvision),
        vital("Program", "tensorboard", check_tensorboard),
        Check("Program", "variables", check_variables),
        on_torch("Machine", "processor", check_processor),
        on_torch("Machine", "threads", check_threads),
        Check("Machine", "load", check_load),
        Check("Machine", "memory", check_memory),
        on_torch("Machine", "GPU", check_accelerator),
        Check("Machine", "terminal", check_terminal),
        Check("Machine", "encoding", check_encoding),
        Check("Folders", "logs", check_log_dir),
        Check("Folders", "logs lock", check_log_lock, needs="logs"),
        Check("Folders", "data", check_data_folder),
        Check("Folders", "data lock", check_data_lock, needs="data"),
        Check("Folders", "temporary", check_temporary_folder),
        *(
            on_torch("Images", name, check_own_images if facts.is_own else partial(check_dataset, name))
            for name, facts in DATASETS.items()
        ),
        *(
            on_torch("Mirrors", f"of {name}", partial(check_mirrors, name))
            for name, facts in DATASETS.items()
            if with_mirrors and not (facts.is_synthetic or facts.is_own)
        ),
        vital("Training", "auto", check_auto),
        vital("Training", "kernels", check_kernels),
        vital("Training", "arithmetic", check_convolutions),
        vital("Training", "steps", check_training),
    ]
