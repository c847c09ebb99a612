"""A program in plain PyTorch that classifies pictures, and a file with the weights beside it.

The program holds the source of the network, as `cifar_cli/models/` has it, and needs torch and Pillow.
"""

import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import torch
from jinja2 import Environment, PackageLoader, StrictUndefined
from torch import Tensor

from cifar_cli.errors import RunError
from cifar_cli.export.exported_network import ExportedNetwork
from cifar_cli.export.network_source import merged_imports, network_source
from cifar_cli.runs.atomic_files import write_atomically, write_text

IMPORTS = """\
import sys
from pathlib import Path
import numpy as np
import torch
from PIL import Image, ImageOps
from torch import Tensor, nn
"""

# Runs the program in a process that cannot import this package.
RUN_ALONE = """\
import runpy, sys, torch
sys.modules["cifar_cli"] = None
program, images, logits = sys.argv[1:]
network = runpy.run_path(program)["load_network"]()
with torch.inference_mode():
    torch.save(network(torch.load(images)), logits)
"""


def write(exported: ExportedNetwork, path: Path) -> list[Path]:
    """Writes the program and its weights, and returns both paths."""
    source = network_source(exported.experiment)
    weights = path.with_suffix(".pt")
    templates = Environment(
        loader=PackageLoader("cifar_cli.export"),
        undefined=StrictUndefined,
        trim_blocks=True,
        keep_trailing_newline=True,
    )
    templates.filters["repr"] = repr
    program = templates.get_template("program.py.j2").render(
        title=f"{exported.experiment.model.name} on {exported.experiment.data.name}: {exported.source}",
        metadata=exported.metadata,
        imports=merged_imports([IMPORTS, source.imports]),
        network=source,
        image_shape=exported.experiment.data.image_shape,
        class_names=tuple(exported.class_names),
        mean=tuple(exported.mean),
        std=tuple(exported.std),
        weights=weights.name,
        program=path.name,
    )
    write_atomically(weights, lambda file: torch.save(exported.network.state_dict(), file), make_folders=True)
    write_text(path, program)
    return [path, weights]


def read(path: Path) -> Callable[[Tensor], Tensor]:
    """Returns a function from images float32 (N, C, H, W) to logits (N, num_classes), computed by the program."""

    def run(images: Tensor) -> Tensor:
        with tempfile.TemporaryDirectory() as folder:
            given, answer = Path(folder, "images.pt"), Path(folder, "logits.pt")
            torch.save(images, given)
            command = [sys.executable, "-c", RUN_ALONE, *map(str, (path, given, answer))]
            process = subprocess.run(command, capture_output=True, text=True)
            if process.returncode:
                reason = (process.stderr.strip().splitlines() or ["no message"])[-1]
                raise RunError(f"{path}: the exported program fails: {reason}")
            logits: Tensor = torch.load(answer, weights_only=True)
            return logits

    return run
