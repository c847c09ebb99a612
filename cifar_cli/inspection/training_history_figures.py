"""The pictures of `cifar visualize-layer` that show what training did to a layer: before and after, and on the way."""

import torch
from torch import Tensor, nn

from cifar_cli.analysis.call_order import activation_after, is_activation
from cifar_cli.analysis.capture import capture
from cifar_cli.analysis.dead_units import measure_sparsity
from cifar_cli.analysis.describe_layer import signature
from cifar_cli.builders.build_transforms import sample_images
from cifar_cli.errors import RunError, UsageError
from cifar_cli.figures.compare_sheet import Side, draw_compare_sheet
from cifar_cli.figures.grid_cuts import cut_feature_grid, cut_filter_grid
from cifar_cli.figures.layer_figure import MEASURED_IMAGES, LayerFigure
from cifar_cli.figures.over_time_sheet import draw_over_time_sheet
from cifar_cli.figures.tiles import to_pictures
from cifar_cli.inspection.layer_inspection import LayerInspection
from cifar_cli.runs.metrics_csv import read_metrics
from cifar_cli.runs.recorded_pictures import RecordedPictures

MAX_EPOCHS = 12  # on one page


def draw_compare(subject: LayerInspection) -> LayerFigure:
    """Draws a layer before its network was trained, beside the same layer after."""
    if not subject.is_trained:
        raise UsageError(
            f"--compare: expected a trained network, to set beside its own beginning, found {subject.opened.source}; "
            f"name a run"
        )
    pictured = subject.pictured(4)
    untrained = _side("untrained", subject.before_training(), pictured.images)
    trained = _side("trained", subject, pictured.images)
    figure = draw_compare_sheet(
        untrained,
        trained,
        images=pictured.images,
        labels=subject.names(pictured.labels),
        class_names=subject.names_of_values(subject.layer),
        title=subject.title,
    )
    facts = [f"{side.heading}: {fact}" for side in (untrained, trained) for fact in side.facts]
    seed = subject.opened.experiment.seed
    return LayerFigure(figure, [*facts, f"untrained: its weights are drawn from seed {seed}, the run's own."])


def _side(heading: str, subject: LayerInspection, images: Tensor) -> Side:
    view = capture(subject.model, subject.prepare(images), layer=subject.layer)
    after = activation_after(subject.model, subject.prepare(images), layer=subject.layer)
    activation = subject.layer if is_activation(view.module) else after
    facts = []
    if activation:
        sparsities = measure_sparsity(
            subject.model, subject.many(MEASURED_IMAGES), layers=[activation], prepare=subject.prepare
        )
        facts.append(f"After {activation}: {sparsities[activation].words}")
    return Side(heading, view, facts, subject.predictions(images) or [])


def draw_over_time(subject: LayerInspection) -> LayerFigure:
    """Draws a layer as its training recorded it for TensorBoard, epoch by epoch."""
    if not subject.is_trained:
        raise UsageError(
            f"--over-time: expected a run, whose training recorded its layers, found {subject.opened.source}; "
            f"name a run"
        )
    if subject.count is not None:
        raise UsageError(
            f"--over-time: shows the first of the images that training recorded, found --images {subject.count}; "
            f"leave --images out"
        )
    recorded = RecordedPictures(subject.opened.run.path)
    pictures = _recorded_features(subject, recorded)
    steps = _spread(list(pictures), MAX_EPOCHS)
    images = sample_images(subject.splits).images
    view = capture(subject.model, subject.prepare(images), layer=subject.layer)
    tiles = [cut_feature_grid(pictures[step], features=view.output, images=images) for step in steps]
    features = [cut[0] for cut in tiles if cut is not None]
    if len(features) < len(steps):
        raise RunError(
            f"{subject.opened.run.path}: expected pictures of {subject.layer} as this version of cifar lays them out, "
            f"found others; train again to see it over time"
        )
    figure = draw_over_time_sheet(
        subject.layer,
        signature=signature(view.module),
        epochs=_epoch_names(subject, steps),
        features=torch.stack(features),
        filters=_recorded_filters(view.module, recorded.of(f"filters/{subject.layer}"), steps),
        picture=to_pictures(images[:1])[0],
        title=f"{subject.opened.run.name}, on the first {subject.experiment.data.name} "
        f"{'validation' if subject.splits.val else 'training'} image",
        facts=[f"{len(steps)} of the {len(pictures)} times at which training recorded this layer for TensorBoard."],
        captions=[
            "Greys as training recorded them. Each time on its own scale: in a channel, black is its lowest value then "
            "over the recorded images, white its highest; in a filter, mid-grey is 0."
        ],
    )
    return LayerFigure(figure, [f"{subject.layer} at {len(steps)} of {len(pictures)} recorded times."])


def _recorded_features(subject: LayerInspection, recorded: RecordedPictures) -> dict[int, Tensor]:
    """Returns the pictures of the layer by step. Raises RunError where there are not two of them."""
    pictures = recorded.of(f"features/{subject.layer}")
    if len(pictures) < 2:
        others = [tag.removeprefix("features/") for tag in recorded.tags if tag.startswith("features/")]
        found = "one alone" if pictures else f"those of {', '.join(others)}" if others else "none of any layer"
        raise RunError(
            f"{subject.opened.run.path}: expected TensorBoard pictures of {subject.layer} from several epochs, found "
            f"{found}; training records what it is told to: cifar train … 'log.feature_layers=[{subject.layer}]' "
            f"log.images_every=1"
        )
    return pictures


def _recorded_filters(module: nn.Module, pictures: dict[int, Tensor], steps: list[int]) -> Tensor | None:
    """Returns the filters uint8 (E, O, 3, kh, kw) at these steps, None where they are not of one or three channels."""
    if not isinstance(module, nn.Conv2d) or module.weight.shape[1] not in (1, 3):
        return None
    cuts = [cut_filter_grid(pictures[step], weight=module.weight) for step in steps if step in pictures]
    whole = [cut for cut in cuts if cut is not None]
    return torch.stack(whole) if len(whole) == len(steps) else None


def _epoch_names(subject: LayerInspection, steps: list[int]) -> list[str]:
    """Returns what stands over each column: the epoch and, where it was measured, its validation accuracy."""
    rows = {row["step"]: row for row in read_metrics(subject.opened.run.metrics)}
    names = []
    for step in steps:
        accuracy = rows[step]["val_accuracy"] if step in rows else None
        name = "untrained" if step == 0 else f"epoch {rows[step]['epoch']}" if step in rows else f"step {step}"
        names.append(name if accuracy is None else f"{name}\nval {100 * accuracy:.1f} %")
    return names


def _spread(steps: list[int], count: int) -> list[int]:
    """Returns at most `count` of the steps, evenly spread, the first and the last among them."""
    if len(steps) <= count:
        return steps
    return [steps[round(number * (len(steps) - 1) / (count - 1))] for number in range(count)]
