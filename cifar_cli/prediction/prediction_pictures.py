"""The pictures of `cifar predict`: where a network looked, and a contact sheet of a folder."""

import re
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.capture import find_layer
from cifar_cli.analysis.grad_cam import grad_cam, last_maps
from cifar_cli.builders.build_transforms import build_preprocessing
from cifar_cli.builders.load_model import LoadedModel
from cifar_cli.errors import UsageError
from cifar_cli.figures.grad_cam_sheet import draw_grad_cam_sheet
from cifar_cli.figures.prediction_sheet import SheetCell, draw_prediction_sheet
from cifar_cli.prediction.find_pictures import STDIN
from cifar_cli.prediction.predict_pictures import Predictions
from cifar_cli.training.runtime import CPU

MAX_GRAD_CAM_PICTURES = 16
NAME_LENGTH = 17  # characters beneath a picture


def file_stem(words: Sequence[str]) -> str:
    """Returns the beginning of the names of pictures that are drawn for these words: `predict-` and the first word."""
    name = "stdin" if words[0] == STDIN else Path(words[0]).resolve().stem
    return f"predict-{re.sub(r'[^A-Za-z0-9._-]+', '-', name)[:60].strip('-.') or 'pictures'}"


def draw_where_it_looked(predictions: Predictions, opened: LoadedModel) -> Figure:
    """Returns Grad-CAM of the first pictures, at the network's last layer with maps. Raises UsageError without one."""
    model, shown = opened.model.cpu(), predictions.kept[:MAX_GRAD_CAM_PICTURES]
    pixels = predictions.kept_pixels(MAX_GRAD_CAM_PICTURES)
    inputs = build_preprocessing(opened.experiment, predictions.facts, CPU)(pixels)
    layer = last_maps(model, inputs[:1])
    if layer is None:
        raise UsageError(
            f"--grad-cam: expected a network with feature maps, found none in {opened.source}; leave --grad-cam out"
        )
    cam = grad_cam(model, inputs, layer=layer)
    of_all = len(predictions.pictures)
    facts = [
        f"Grad-CAM: bright where the maps of {layer}, the last ones of the network, support the most probable class; "
        f"{formatting.shape(cam.heat.shape[1:])} positions."
    ]
    if of_all > len(shown):
        facts.append(f"The first {len(shown)} of {of_all:,} pictures.")
    return draw_grad_cam_sheet(
        cam,
        layer=layer,
        module=find_layer(model, layer),
        images=pixels,
        labels=[formatting.shortened(Path(picture.file.name).name, length=NAME_LENGTH) for picture in shown],
        class_names=predictions.facts.class_names,
        title=opened.source,
        facts=facts,
        are_labelled=False,
    )


def draw_contact_sheet(predictions: Predictions, opened: LoadedModel) -> Tensor:
    """Returns the first pictures as the network gets them, each with its most probable class, uint8 (3, H, W)."""
    cells = []
    for picture in predictions.kept:
        ((index, probability),) = picture.top(1)
        cells.append(
            SheetCell(
                Path(picture.file.name).name,
                predictions.facts.class_names[index],
                probability,
                is_doubtful=bool(picture.is_doubtful),
            )
        )
    return draw_prediction_sheet(cells, predictions.kept_pixels(), title=opened.source, total=len(predictions.pictures))
