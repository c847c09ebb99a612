"""`cifar explain`: a network layer by layer, or one number of one layer worked by hand, as tables, JSON or a page."""

import json
import shlex
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from cifar_cli.analysis.network_summary import NetworkSummary, summarize_network
from cifar_cli.analysis.trace import time_forward, trace_forward
from cifar_cli.analysis.worked_example import work_out
from cifar_cli.analysis.worked_sums import WorkedExample
from cifar_cli.builders import build_training
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.load_model import LoadedModel, first_layer, load_model, resolve_source
from cifar_cli.config import DATASET_FACTS
from cifar_cli.console.network_table import print_walk, print_worked
from cifar_cli.console.streams import note, print_next_step
from cifar_cli.errors import UsageError, did_you_mean
from cifar_cli.optim.select_parameters import freeze
from cifar_cli.report.network_page import write_network_page
from cifar_cli.report.worked_example_values import ExampleImage
from cifar_cli.training.runtime import CPU, Runtime

CONFIG_WITHOUT_RUNS = "sequential"
MOST_IMAGES = 64  # in the batch that is timed: enough for the shares to be those of training, and quick


@dataclass(frozen=True)
class _Example:
    """A number worked by hand on an image of the data."""

    layer: str
    worked: WorkedExample
    picture: ExampleImage


def explain(
    run: str | None,
    *,
    source: str | None,
    overrides: Sequence[str],
    layer: str | None,
    weights: str | None,
    as_json: bool,
    html: Path | None,
    log_dir: Path,
) -> None:
    """Explains the network of a run or of a configuration; without either, of the newest run or the default one."""
    opened = load_model(
        run, source=source, overrides=overrides, weights=weights, log_dir=log_dir, without_runs=CONFIG_WITHOUT_RUNS
    )
    freeze(opened.model, opened.experiment.train.freeze)  # the account counts what is trained
    runtime = Runtime(build_training.build_runtime(opened.experiment).device, "fp32")
    explained = _account(opened, runtime)
    example = _example(opened, explained, layer) if layer is not None else None
    note(f"this is {opened.source}")
    if html is not None:
        write_network_page(
            html,
            explained,
            title=f"{opened.experiment.name}, layer by layer",
            subtitle=_caption(opened, explained, runtime),
            example=(example.layer, example.worked, example.picture) if example else None,
        )
    if as_json:
        print(json.dumps(_as_dict(opened, explained, example, runtime), ensure_ascii=False))
    elif example is not None:
        print_worked(example.layer, example.worked, picture=example.picture.caption)
    else:
        print_walk(explained, caption=_caption(opened, explained, runtime))
    print_next_step(
        wrote=[str(html)] if html is not None else [],
        next_command=_next_command(
            opened, layer=layer, words=resolve_source(opened, source=source, overrides=overrides, weights=weights)
        ),
    )


def _account(opened: LoadedModel, runtime: Runtime) -> NetworkSummary:
    shape = DATASET_FACTS[opened.experiment.data.name].image_shape
    batch_size = min(opened.experiment.data.batch_size, MOST_IMAGES)
    # Like normalised pixels, and laid out in memory as training does it.
    batch = torch.randn(batch_size, *shape, generator=torch.Generator().manual_seed(0))
    batch = batch.to(runtime.device).contiguous(memory_format=torch.channels_last)
    model = opened.model.to(runtime.device).to(memory_format=torch.channels_last)
    return summarize_network(model, time_forward(model, batch), batch_size=batch_size, image_shape=shape)


def _example(opened: LoadedModel, explained: NetworkSummary, layer: str) -> _Example:
    names = [line.name for line in explained.lines]
    if layer not in names:  # before the data is opened: a misspelt name should be told at once
        raise UsageError(
            f"--layer {layer}: expected a row of the table, found none of that name{did_you_mean(layer, names)}"
            f"{_inside(layer, opened.model, names)} cifar explain without --layer lists them"
        )
    experiment, splits = load_data(opened.experiment)
    model = opened.model.to(CPU.device)
    if opened.checkpoint is None:
        build_training.init_model_weights(model, experiment, splits, CPU)
    images = build_training.sample_images(splits, 1)
    prepared = build_training.build_preprocessing(experiment, splits, CPU)(images.images)
    step = next(step for step in trace_forward(model, prepared, capture=layer) if step.name == layer)
    caption = f"the first {'validation' if splits.val else 'training'} image, a picture of class "
    caption += f"'{images.class_names[int(images.labels[0])]}'"
    return _Example(layer, work_out(step), ExampleImage(images.images[0], caption, step.sees))


def _inside(layer: str, model: nn.Module, names: Sequence[str]) -> str:
    """Returns what a module that only holds others is made of, so that one of them can be chosen."""
    within = [name for name in names if name.startswith(f"{layer}.")]
    if within and layer in dict(model.named_modules()):
        return f"; it holds {', '.join(within[:8])}{', …' if len(within) > 8 else ''};"
    return ";"


def _caption(opened: LoadedModel, explained: NetworkSummary, runtime: Runtime) -> str:
    shape = "×".join(map(str, explained.image_shape))
    trained = f"epoch {opened.epoch}" if opened.checkpoint else "untrained"
    return (
        f"{opened.experiment.model.name} ({trained}) on images of {shape}; time of a forward pass on "
        f"{runtime.device_name}, fp32, {explained.batch_size} images"
    )


def _next_command(opened: LoadedModel, *, layer: str | None, words: Sequence[str]) -> str:
    """Returns what to look at next; words: those that name the network."""
    if layer is None:
        return shlex.join(["cifar", "explain", *words, "--layer", first_layer(opened.model)])
    if layer.partition("#")[0] in dict(opened.model.named_modules()):
        return shlex.join(["cifar", "visualize-layer", layer.partition("#")[0], *words])
    return shlex.join(["cifar", "explain", *words, "--html", "network.html"])


def _as_dict(
    opened: LoadedModel, explained: NetworkSummary, example: _Example | None, runtime: Runtime
) -> dict[str, Any]:
    return {
        "network": opened.source,
        "model": opened.experiment.model.name,
        "checkpoint": str(opened.checkpoint) if opened.checkpoint else None,
        "epoch": opened.epoch,
        "image_shape": list(explained.image_shape),
        "batch_size": explained.batch_size,
        "device": runtime.device_name,
        "precision": runtime.precision,
        "layers": [line.as_dict() for line in explained.lines],
        "totals": explained.totals.as_dict(),
        "worked": example.worked.as_dict() | {"layer": example.layer, "image": example.picture.caption}
        if example
        else None,
    }
