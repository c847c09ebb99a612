"""safetensors: the weights under the layers' names, and the configuration that builds the network around them."""

import json
from collections.abc import Callable
from pathlib import Path

from torch import Tensor

from cifar_cli import config
from cifar_cli.builders.build_model import build_model
from cifar_cli.export.exported_network import ExportedNetwork, NormalizedNetwork
from cifar_cli.runs.atomic_files import write_atomically


def write(exported: ExportedNetwork, path: Path) -> list[Path]:
    """Writes the weights, with the metadata in the file's head, and returns the file's path."""
    from safetensors.torch import save

    weights = {name: weight.contiguous() for name, weight in exported.network.state_dict().items()}
    content = save(weights, metadata=exported.metadata)
    write_atomically(path, lambda file: file.write(content), make_folders=True)
    return [path]


def read(path: Path) -> Callable[[Tensor], Tensor]:
    """Returns a function from images float32 (N, C, H, W) to logits (N, num_classes), built from the file alone."""
    from safetensors import safe_open

    with safe_open(path, framework="pt") as file:
        metadata, weights = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    network = build_model(config.load_text(metadata["config"], location=f"{path} (configuration)"))
    network.load_state_dict(weights)
    return NormalizedNetwork(network.eval(), mean=json.loads(metadata["mean"]), std=json.loads(metadata["std"])).eval()
