"""Exports a network, reads the file again, and compares its answers with the network's."""

from collections.abc import Callable
from dataclasses import asdict, dataclass
from importlib import import_module
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from cifar_cli import formatting
from cifar_cli.data.image_set import ImageSet
from cifar_cli.data.normalize import to_unit
from cifar_cli.errors import RunError
from cifar_cli.export.exported_network import ExportedNetwork
from cifar_cli.export.table import FORMATS

TOLERANCE = 1e-3  # of the largest logit; other programs add in another order
BATCH_SIZE = 500


@dataclass(frozen=True)
class Comparison:
    """The answers of an exported network beside those of the network itself.

    largest_difference: between two logits. same_class: images with the same most probable class. correct,
    exported_correct: images whose most probable class is their label.
    """

    images: int
    largest_logit: float
    largest_difference: float
    same_class: int
    correct: int
    exported_correct: int


@dataclass(frozen=True)
class Export:
    """A finished export: its format, its files, and the comparison with the network."""

    format: str
    files: list[Path]
    comparison: Comparison
    source: str

    def as_dict(self) -> dict[str, Any]:
        """Returns the export as JSON values."""
        return {
            "format": self.format,
            "files": [str(path) for path in self.files],
            "bytes": sum(path.stat().st_size for path in self.files),
            "network": self.source,
            "comparison": asdict(self.comparison),
        }


def export_network(exported: ExportedNetwork, path: Path, *, format: str, images: ImageSet) -> Export:
    """Writes the network and compares the files with it on the images. Raises RunError if their answers differ."""
    module = import_module(FORMATS[format].module)
    files: list[Path] = module.write(exported, path)
    comparison = compare(exported.module, module.read(path), images)
    if not comparison.largest_difference <= TOLERANCE * max(1.0, comparison.largest_logit):
        raise RunError(
            f"{path}: expected the network's own answers from the exported file, found logits that differ by up to "
            f"{comparison.largest_difference:.3g} on {formatting.count(comparison.images, 'image')}; do not use the "
            f"file, and try another format: {', '.join(name for name in FORMATS if name != format)}"
        )
    return Export(format, files, comparison, exported.source)


@torch.inference_mode()
def compare(network: nn.Module, other: Callable[[Tensor], Tensor], images: ImageSet) -> Comparison:
    """Compares a network with another function from images float32 (N, C, H, W) in [0, 1] to logits."""
    pixels = to_unit(images.images)
    expected = torch.cat([network(batch) for batch in pixels.split(BATCH_SIZE)])
    found = torch.cat([other(batch) for batch in pixels.split(BATCH_SIZE)])
    classes, other_classes = expected.argmax(dim=1), found.argmax(dim=1)
    return Comparison(
        images=len(images),
        largest_logit=float(expected.abs().max()),
        largest_difference=float((expected - found).abs().max()),
        same_class=int((classes == other_classes).sum()),
        correct=int((classes == images.labels).sum()),
        exported_correct=int((other_classes == images.labels).sum()),
    )
