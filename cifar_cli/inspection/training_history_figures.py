"""The figures of `cifar visualize-layer` of a layer in training: before and after, and over time."""

import torch
from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.call_order import activation_after, is_activation
from cifar_cli.analysis.capture import capture, find_layer
from cifar_cli.analysis.describe_layer import signature
from cifar_cli.builders.build_transforms import sample_images
from cifar_cli.builders.trust_model import words_for_own_model
from cifar_cli.errors import RunError, UsageError
from cifar_cli.figures.compare_sheet import ComparedLayer, draw_compare_sheet
from cifar_cli.figures.over_time_sheet import draw_over_time_sheet
from cifar_cli.figures.scaling import to_pictures
from cifar_cli.inspection.layer_inspection import LayerFigure, LayerInspection
from cifar_cli.runs.metrics_csv import read_metrics
from cifar_cli.runs.recorded_features import RecordedLayer, read_recorded_layer, recorded_layer_names
from cifar_cli.shell import shell_command

MAX_TIMES = 12  # on one page


def draw_compare(inspection: LayerInspection) -> LayerFigure:
    """Draws a layer of the untrained network beside the same layer after training."""
    if not inspection.is_trained:
        raise UsageError(
            f"--compare: expected a trained network, to compare with its untrained weights, "
            f"found {inspection.opened.source}; name a run"
        )
    shown = inspection.sample_images(4)
    untrained = _compared_layer("untrained", inspection.before_training(), shown.images)
    trained = _compared_layer("trained", inspection, shown.images)
    figure = draw_compare_sheet(
        untrained,
        trained,
        images=shown.images,
        labels=inspection.names(shown.labels),
        class_names=inspection.names_of_values(inspection.layer),
        title=inspection.title,
    )
    facts = [f"{layer.heading}: {fact}" for layer in (untrained, trained) for fact in layer.facts]
    seed = inspection.opened.experiment.seed
    return LayerFigure(figure, [*facts, f"untrained: its weights are drawn from seed {seed}, the run's own."])


def _compared_layer(heading: str, inspection: LayerInspection, images: Tensor) -> ComparedLayer:
    view = capture(inspection.model, inspection.preprocess(images), layer=inspection.layer)
    after = activation_after(inspection.model, inspection.preprocess(images), layer=inspection.layer)
    activation = inspection.layer if is_activation(view.module) else after
    facts = []
    if activation:
        facts.append(f"After {activation}: {inspection.sparsities(activation)[activation].summary}")
    return ComparedLayer(heading, view, facts, inspection.predictions(images) or [])


def draw_over_time(inspection: LayerInspection) -> LayerFigure:
    """Draws a layer at the steps at which training recorded the layer."""
    if not inspection.is_trained:
        raise UsageError(
            f"--over-time: expected a run with recorded layers, found {inspection.opened.source}; name a run"
        )
    if inspection.count is not None:
        raise UsageError(
            f"--over-time: expected no --images, since training records one image, found --images {inspection.count}; "
            f"leave --images out"
        )
    recorded = _recorded_layer(inspection)
    times = _spread(list(recorded), MAX_TIMES)
    first_image = sample_images(inspection.splits, 1).images
    figure = draw_over_time_sheet(
        inspection.layer,
        signature=signature(find_layer(inspection.model, inspection.layer)),
        times=_time_names(inspection, times),
        features=torch.stack([recorded[step].features for step in times]),
        filters=_filters([recorded[step] for step in times]),
        picture=to_pictures(first_image)[0],
        num_channels=capture(inspection.model, inspection.preprocess(first_image), layer=inspection.layer).output.shape[
            1
        ],
        title=f"{inspection.opened.run.name}, on the first {inspection.experiment.data.name} "
        f"{'validation' if inspection.splits.val else 'training'} image",
        facts=[f"{len(times)} of the {len(recorded)} times at which training recorded this layer."],
    )
    return LayerFigure(figure, [f"{inspection.layer} at {len(times)} of {len(recorded)} recorded times."])


def _recorded_layer(inspection: LayerInspection) -> dict[int, RecordedLayer]:
    """Returns the layer by step. Raises RunError for a layer that training recorded less than twice."""
    run, layer, log = inspection.opened.run, inspection.layer, inspection.opened.experiment.log
    recorded = read_recorded_layer(run.features, layer)
    own_words = words_for_own_model(inspection.opened.experiment.model)
    if len(recorded) >= 2:
        return recorded
    if not run.features.is_dir() and layer in log.feature_layers and log.images_every:
        raise RunError(
            f"{run.features}: expected the values of {layer} from several epochs, found no such folder: an older "
            f"version of cifar made this run; train again with: "
            f"{shell_command('cifar', 'train', '--config', run.config, *own_words)}"
        )
    others = recorded_layer_names(run.features)
    found = "those of one epoch" if recorded else f"those of {', '.join(others)}" if others else "none of any layer"
    raise RunError(
        f"{run.features}: expected the values of {layer} from several epochs, found {found}; training records the "
        f"layers of log.feature_layers: cifar train … "
        f"{shell_command(f'log.feature_layers=[{layer}]', 'log.images_every=1')}"
    )


def _filters(recorded: list[RecordedLayer]) -> Tensor | None:
    """Returns filters of one or three channels, float32 (E, O, 1 or 3, kh, kw); None for other layers."""
    filters = [layer.filters for layer in recorded if layer.filters is not None]
    return torch.stack(filters) if filters and filters[0].shape[1] in (1, 3) else None


def _time_names(inspection: LayerInspection, steps: list[int]) -> list[str]:
    """Returns the heading of each column: the epoch and, if measured, the validation accuracy."""
    rows = {row["step"]: row for row in read_metrics(inspection.opened.run.metrics)}
    names = []
    for step in steps:
        accuracy = rows[step]["val_accuracy"] if step in rows else None
        name = "untrained" if step == 0 else f"epoch {rows[step]['epoch']}" if step in rows else f"step {step}"
        names.append(name if accuracy is None else f"{name}\nval {formatting.percent(accuracy, decimals=1)}")
    return names


def _spread(steps: list[int], count: int) -> list[int]:
    """Returns at most `count` of the steps, evenly spread, the first and the last among them."""
    if len(steps) <= count:
        return steps
    return [steps[round(number * (len(steps) - 1) / (count - 1))] for number in range(count)]
