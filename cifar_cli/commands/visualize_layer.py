"""`cifar visualize-layer`: what a layer does to real images, as a PNG and in TensorBoard."""

from collections.abc import Callable, Sequence
from pathlib import Path

import torch
from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.commands import parts
from cifar_cli.commands.images import open_images
from cifar_cli.commands.opening import OpenedNetwork, open_network
from cifar_cli.commands.terminal import closing, note, results
from cifar_cli.data.images import ImageSet
from cifar_cli.errors import UsageError, did_you_mean
from cifar_cli.insight.describe import describe
from cifar_cli.insight.grids import feature_grid, filter_grid
from cifar_cli.insight.layers import capture, find_layer
from cifar_cli.insight.save import save_png
from cifar_cli.insight.sheets import draw_layer_sheet
from cifar_cli.insight.tutorial_sheet import draw_tutorial_sheet
from cifar_cli.models.modes import evaluating
from cifar_cli.training.runtime import Runtime

MODES = ("tiles", "tutorial")
CONFIG_WITHOUT_RUNS = "sequential"
CPU = Runtime(torch.device("cpu"), "fp32")  # a handful of images needs no more


def visualize_layer(
    layer: str,
    run: str | None,
    *,
    source: str | None,
    overrides: Sequence[str],
    images: int,
    mode: str,
    weights: str | None,
    log_dir: Path,
) -> None:
    """Draws the layer's input and output on real images, and its filters where it is a convolution."""
    if mode not in MODES:
        raise UsageError(f"--mode: expected one of {', '.join(MODES)}, found '{mode}'{did_you_mean(mode, MODES)}")
    opened = open_network(
        run, source=source, overrides=overrides, weights=weights, log_dir=log_dir, without_runs=CONFIG_WITHOUT_RUNS
    )
    find_layer(opened.model, layer)  # before the data is opened: a misspelt name should be told at once
    if opened.checkpoint is None:
        note(f"this is {opened.source}; its weights, if any, are random, drawn with seed {opened.experiment.seed}")
    experiment, splits = open_images(opened.experiment)
    pictured = parts.pictured(splits, images)
    prepare = parts.preparation(experiment, splits, CPU)
    view = capture(opened.model, prepare(pictured.images), layer=layer)
    title = f"{opened.source}, on {experiment.data.name} {'validation' if splits.val else 'training'} images"
    labels = _names(pictured.labels, pictured)
    if mode == "tutorial":
        figure = draw_tutorial_sheet(view, images=pictured.images, labels=labels, title=title)
    else:
        figure = draw_layer_sheet(
            view,
            images=pictured.images,
            labels=labels,
            predictions=_predictions(opened.model, prepare(pictured.images), pictured) if opened.checkpoint else None,
            class_names=pictured.class_names,
            title=title,
        )
    picture = save_png(figure, opened.run.images / f"{layer}{'-tutorial' if mode == 'tutorial' else ''}.png")
    _write_tensorboard(opened, layer, parts.pictured(splits).images, prepare)
    console = results()
    for fact in describe(view):
        console.print(fact, markup=False, soft_wrap=True)
    closing(
        wrote=[str(picture), f"TensorBoard features/{layer} in {opened.run.path}/"],
        next_command=f"tensorboard --logdir {opened.run.path.parent}",
    )


def _names(labels: Tensor, images: ImageSet) -> list[str]:
    return [images.class_names[label] for label in labels.tolist()]


def _predictions(model: nn.Module, prepared: Tensor, images: ImageSet) -> list[str]:
    with evaluating(model), torch.inference_mode():
        return _names(model(prepared).argmax(dim=1), images)


def _write_tensorboard(opened: OpenedNetwork, layer: str, images: Tensor, prepare: Callable[[Tensor], Tensor]) -> None:
    """Adds the picture that training writes each epoch, of the same images, at the step that the weights are of."""
    view = capture(opened.model, prepare(images), layer=layer)
    with SummaryWriter(str(opened.run.path), filename_suffix=f".{layer}") as writer:
        if opened.checkpoint is None:
            writer.add_images("inputs", images, opened.step)  # of a run they are there already
        writer.add_image(f"features/{layer}", feature_grid(view.output, images=images), opened.step)
        if isinstance(view.module, nn.Conv2d):
            writer.add_image(f"filters/{layer}", filter_grid(view.module.weight), opened.step)
