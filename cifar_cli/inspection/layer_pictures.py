"""The pictures of a layer by name: draws a picture of a loaded network, saves it, and adds it to TensorBoard."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from matplotlib.figure import Figure
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.analysis.capture import capture_views, find_layer
from cifar_cli.builders.build_training import initialize
from cifar_cli.builders.build_transforms import build_preprocessing, sample_images
from cifar_cli.builders.load_data import load_data
from cifar_cli.builders.load_model import LoadedModel
from cifar_cli.console.streams import note, warning_instead_of_failure
from cifar_cli.figures.save_png import save_png
from cifar_cli.inspection.layer_figures import (
    draw_grad_cam,
    draw_layer,
    draw_network,
    draw_top_activations,
    draw_tutorial,
)
from cifar_cli.inspection.layer_inspection import LayerFigure, LayerInspection
from cifar_cli.inspection.training_history_figures import draw_compare, draw_over_time
from cifar_cli.observers.event_file import tensorboard_errors
from cifar_cli.observers.layer_images import write_layer_images
from cifar_cli.training.runtime import CPU

PICTURES: Mapping[str, Callable[[LayerInspection], LayerFigure]] = {
    "layer": draw_layer,
    "tutorial": draw_tutorial,
    "exciting": draw_top_activations,
    "grad-cam": draw_grad_cam,
    "compare": draw_compare,
    "over-time": draw_over_time,
    "all": draw_network,
}


@dataclass(frozen=True)
class DrawnPicture:
    """One of PICTURES, drawn. name: of its file, without the suffix; facts: sentences about the picture."""

    inspection: LayerInspection
    name: str
    figure: Figure
    facts: Sequence[str]
    is_for_tensorboard: bool

    def save(self) -> list[str]:
        """Writes the picture, and the pictures of TensorBoard; returns the names of what was written.

        Raises RunError if the picture cannot be written; without TensorBoard's pictures, which are an extra, it warns.
        """
        run, layer = self.inspection.opened.run, self.inspection.layer
        wrote = [str(save_png(self.figure, run.images / f"{self.name}.png"))]
        if self.is_for_tensorboard:
            with (
                warning_instead_of_failure(hint="TensorBoard's pictures are left out"),
                tensorboard_errors(run.pictures),
            ):
                _write_tensorboard(self.inspection)
                wrote.append(f"TensorBoard features/{layer} in {run.pictures}/")
        return wrote


def draw_picture(opened: LoadedModel, *, layer: str | None, picture: str, images: int | None) -> DrawnPicture:
    """Draws one of PICTURES; the pictures `layer` and `tutorial` are also for TensorBoard.

    layer: None for all layers; images: the number of images, None for the default of the picture.
    """
    if layer is not None:
        # Before the data is opened, so that a misspelt name is reported at once.
        find_layer(opened.model, layer, source=opened.source)
    if opened.checkpoint is None:
        note(f"this is {opened.source}; its weights, if any, are random, drawn with seed {opened.experiment.seed}")
    experiment, splits = load_data(opened.experiment, environment=opened.run.environment)
    preprocess = build_preprocessing(experiment, splits, CPU)
    if opened.checkpoint is None:
        initialize(opened.model, experiment, splits, CPU)
    inspection = LayerInspection(opened, experiment, splits, preprocess, layer or "", images)
    drawn = PICTURES[picture](inspection)
    name = "-".join(([layer] if layer else []) + ([] if picture == "layer" else [picture]))
    return DrawnPicture(inspection, name, drawn.figure, drawn.facts, picture in ("layer", "tutorial"))


def _write_tensorboard(inspection: LayerInspection) -> None:
    """Adds the picture that training writes each epoch, of the same images, at the step of the weights."""
    opened, layer, images = inspection.opened, inspection.layer, sample_images(inspection.splits).images
    views = capture_views(opened.model, inspection.preprocess(images), layers=[layer])
    with SummaryWriter(str(opened.run.pictures), filename_suffix=f".{layer}") as writer:
        if opened.checkpoint is None:
            writer.add_images("inputs", images, opened.step)  # training has written those of a run
        write_layer_images(writer, views, images=images, step=opened.step)
