"""torch.export: the network as a graph of torch operations. The batch size is free."""

import json
from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from cifar_cli.export.exported_network import ExportedNetwork
from cifar_cli.runs.atomic_files import write_atomically


def write(exported: ExportedNetwork, path: Path) -> list[Path]:
    """Writes the file, with the metadata in its extra file metadata.json, and returns its path."""
    program = torch.export.export(
        exported.module, (exported.example_images(),), dynamic_shapes=({0: torch.export.Dim("N")},)
    )
    extra = {"metadata.json": json.dumps(exported.metadata, ensure_ascii=False)}
    write_atomically(path, lambda file: torch.export.save(program, file, extra_files=extra), make_folders=True)
    return [path]


def read(path: Path) -> Callable[[Tensor], Tensor]:
    """Returns a function from images float32 (N, C, H, W) to logits (N, num_classes)."""
    return torch.export.load(path).module()
