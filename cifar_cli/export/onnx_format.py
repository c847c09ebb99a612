"""ONNX: the network as a graph, run by ONNX Runtime. The batch size is free."""

from collections.abc import Callable
from pathlib import Path

import torch
from torch import Tensor

from cifar_cli.export.exported_network import ExportedNetwork
from cifar_cli.runs.atomic_files import write_atomically


def write(exported: ExportedNetwork, path: Path) -> list[Path]:
    """Writes the file, with the metadata among its properties, and returns its path."""
    program = torch.onnx.export(
        exported.module,
        (exported.example_images(),),
        dynamo=True,
        dynamic_shapes=({0: torch.export.Dim("N")},),
        input_names=["images"],
        output_names=["logits"],
        verbose=False,
    )
    assert program is not None  # it is None only where a file is written at once
    program.model.metadata_props.update(exported.metadata)
    content = program.model_proto.SerializeToString()
    write_atomically(path, lambda file: file.write(content), make_folders=True)
    return [path]


def read(path: Path) -> Callable[[Tensor], Tensor]:
    """Returns a function from images float32 (N, C, H, W) to logits (N, num_classes), computed by ONNX Runtime."""
    import onnxruntime  # type: ignore[import-untyped]  # an extra

    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    return lambda images: torch.from_numpy(session.run(["logits"], {"images": images.numpy()})[0])
