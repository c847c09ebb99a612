"""Explains a loaded network: the table of its layers, and one number of a layer worked by hand on an image."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from cifar_cli import formatting
from cifar_cli.analysis.network_summary import NetworkSummary, summarize_network
from cifar_cli.analysis.time_forward import time_forward
from cifar_cli.analysis.trace import trace_forward
from cifar_cli.analysis.worked_example import on_paper, worked_example
from cifar_cli.analysis.worked_number import WorkedExample
from cifar_cli.builders.build_model import memory_format
from cifar_cli.builders.build_training import build_runtime, initialize
from cifar_cli.builders.build_transforms import build_preprocessing, sample_images
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.load_model import LoadedModel
from cifar_cli.errors import UsageError, did_you_mean
from cifar_cli.optim.select_parameters import freeze
from cifar_cli.report.worked_example_values import ExampleImage
from cifar_cli.training.runtime import CPU, Runtime

MAX_TIMED_IMAGES = 64  # in a batch: quick, and enough for the time fractions of training


@dataclass(frozen=True)
class LayerExample:
    """A number of a layer, worked by hand on an image of the dataset: exactly, and on paper with few decimals."""

    layer: str
    worked: WorkedExample
    paper: WorkedExample
    picture: ExampleImage


@dataclass(frozen=True)
class NetworkExplanation:
    """The table of a network's layers, the device and precision of its times, and a worked example if requested."""

    opened: LoadedModel
    summary: NetworkSummary
    runtime: Runtime
    example: LayerExample | None

    @property
    def title(self) -> str:
        return f"{self.opened.experiment.name}, layer by layer"

    @property
    def caption(self) -> str:
        """The network, and the device, precision and batch size of the times."""
        shape = "×".join(map(str, self.summary.image_shape))
        return (
            f"{self.opened.experiment.model.label} ({self.opened.history}) on images of {shape}; time of a forward "
            f"pass on {self.runtime.device_name}, fp32, {formatting.count(self.summary.batch_size, 'image')}"
        )

    def as_dict(self) -> dict[str, Any]:
        """Returns everything as JSON values."""
        opened, example = self.opened, self.example
        return {
            "network": opened.source,
            "model": opened.experiment.model.label,
            "checkpoint": str(opened.checkpoint) if opened.checkpoint else None,
            "epoch": opened.epoch,
            "status": opened.status,
            "image_shape": list(self.summary.image_shape),
            "batch_size": self.summary.batch_size,
            "device": self.runtime.device_name,
            "precision": self.runtime.precision,
            "layers": [line.as_dict() for line in self.summary.rows],
            "totals": self.summary.totals.as_dict(),
            "worked": example.worked.as_dict() | {"layer": example.layer, "image": example.picture.caption}
            if example
            else None,
        }


def explain_network(opened: LoadedModel, *, layer: str | None) -> NetworkExplanation:
    """Returns the explanation of a network, with a number of `layer`, a row of the table, worked by hand.

    Raises UsageError for a layer that is no row of the table.
    """
    freeze(opened.model, opened.experiment.train.freeze)  # the table counts the trainable parameters
    runtime = Runtime(build_runtime(opened.experiment).device, "fp32")
    summary = _summarize(opened, runtime)
    example = _work_out(opened, summary, layer) if layer is not None else None
    return NetworkExplanation(opened, summary, runtime, example)


def _summarize(opened: LoadedModel, runtime: Runtime) -> NetworkSummary:
    shape, order = opened.experiment.data.image_shape, memory_format(opened.experiment)
    batch_size = min(opened.experiment.data.batch_size, MAX_TIMED_IMAGES)
    # Values like those of normalized pixels, in the memory format of training.
    batch = torch.randn(batch_size, *shape, generator=torch.Generator().manual_seed(0))
    batch = batch.to(runtime.device).contiguous(memory_format=order)
    model = opened.model.to(runtime.device).to(memory_format=order)
    return summarize_network(model, time_forward(model, batch), batch_size=batch_size, image_shape=shape)


def _work_out(opened: LoadedModel, summary: NetworkSummary, layer: str) -> LayerExample:
    names = [line.name for line in summary.rows]
    if layer not in names:  # before the data is opened, so that a misspelt name is reported at once
        finding = f"--layer {layer}: expected a row of the table, found none of that name"
        mend = _rows_within(layer, opened.model, names) or did_you_mean(layer, names)
        raise UsageError(finding + (mend or "; cifar explain without --layer lists the rows"))
    experiment, splits = load_data(opened.experiment, environment=opened.run.environment)
    model = opened.model.to(CPU.device)
    if opened.checkpoint is None:
        initialize(model, experiment, splits, CPU)
    images = sample_images(splits, 1)
    inputs = build_preprocessing(experiment, splits, CPU)(images.images)
    step = next(step for step in trace_forward(model, inputs, capture=layer) if step.name == layer)
    class_name = images.class_names[int(images.labels[0])]
    caption = f"the first {'validation' if splits.val else 'training'} image, a picture of class '{class_name}'"
    picture = ExampleImage(images.images[0], caption, step.receptive_field)
    return LayerExample(layer, worked_example(step), on_paper(step), picture)


def _rows_within(layer: str, model: nn.Module, names: Sequence[str]) -> str:
    """Returns the rows within a container module, to choose one of them."""
    within = [name for name in names if name.startswith(f"{layer}.")]
    if within and layer in dict(model.named_modules()):
        return f"; it holds {', '.join(within[:8])}{', …' if len(within) > 8 else ''}"
    return ""
