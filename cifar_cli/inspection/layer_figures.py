"""The pictures of `cifar visualize-layer` that show a network as it is: computes what is to be seen, has it drawn."""

from cifar_cli.analysis.call_order import activation_after, called_layers, is_activation, layers_of_scores
from cifar_cli.analysis.capture import capture, capture_views
from cifar_cli.analysis.dead_units import measure_sparsity
from cifar_cli.analysis.describe_layer import describe_layer, signature
from cifar_cli.analysis.grad_cam import grad_cam, map_layers
from cifar_cli.analysis.receptive_field import ReceptiveField
from cifar_cli.analysis.top_activations import top_activations
from cifar_cli.errors import UsageError
from cifar_cli.figures.grad_cam_sheet import draw_grad_cam_sheet
from cifar_cli.figures.layer_figure import MEASURED_IMAGES, LayerFigure
from cifar_cli.figures.layer_sheet import draw_layer_sheet
from cifar_cli.figures.network_sheet import draw_network_sheet
from cifar_cli.figures.top_activations_sheet import draw_top_activations_sheet
from cifar_cli.figures.tutorial_sheet import draw_tutorial_sheet
from cifar_cli.inspection.layer_inspection import LayerInspection

EXCITING_IMAGES, EXCITING_UNITS = 8, 32
GRAD_CAM_IMAGES = 6


def draw_layer(subject: LayerInspection) -> LayerFigure:
    """Draws a layer's input, output, and what the activation after it makes of that, channel by channel."""
    pictured = subject.pictured(4)
    prepared = subject.prepare(pictured.images)
    after = activation_after(subject.model, prepared, layer=subject.layer)
    views = capture_views(subject.model, prepared, layers=[subject.layer, *([after] if after else [])])
    view = views[subject.layer]
    activation = view.name if is_activation(view.module) else after
    notes, zero_shares = [], None
    if activation:
        (sparsity,) = measure_sparsity(
            subject.model, subject.many(MEASURED_IMAGES), layers=[activation], prepare=subject.prepare
        ).values()
        notes.append(f"After {activation}: {sparsity.words}")
        zero_shares = sparsity.zero_shares if sparsity.overall else None
    sight = subject.receptive_fields(subject.layer).get(subject.layer)
    if sight is not None:
        notes.append(_sight_words(sight, is_map=view.output.dim() == 4))
    figure = draw_layer_sheet(
        view,
        images=pictured.images,
        labels=subject.names(pictured.labels),
        predictions=subject.predictions(pictured.images),
        class_names=subject.names_of_values(subject.layer),
        title=subject.title,
        notes=notes,
        after=views[after] if after else None,
        zero_shares=zero_shares,
        frame=sight.of_middle if sight else None,
    )
    return LayerFigure(figure, [*describe_layer(view), *notes])


def _sight_words(sight: ReceptiveField, *, is_map: bool) -> str:
    """Returns what the frame on an image stands for."""
    row, column = sight.middle
    place = f"the number in the middle of each channel, at row {row}, column {column}," if is_map else "it"
    return f"Receptive field: {place} depends on the {sight.of_middle.size} pixels that are framed in the image."


def draw_tutorial(subject: LayerInspection) -> LayerFigure:
    """Draws a layer's output the way many tutorials do."""
    pictured = subject.pictured(4)
    view = capture(subject.model, subject.prepare(pictured.images), layer=subject.layer)
    labels = subject.names(pictured.labels)
    figure = draw_tutorial_sheet(view, images=pictured.images, labels=labels, title=subject.title)
    return LayerFigure(figure, describe_layer(view))


def draw_top_activations(subject: LayerInspection) -> LayerFigure:
    """Draws the test images that excite each unit of a layer most, with the pixels that did."""
    test = subject.splits.test
    top = top_activations(
        subject.model,
        test.images,
        layer=subject.layer,
        prepare=subject.prepare,
        per_unit=min(subject.count or EXCITING_IMAGES, len(test)),
        max_units=EXCITING_UNITS,
    )
    view = capture(subject.model, subject.prepare(test.images[:1]), layer=subject.layer)
    facts = [
        f"Of all {len(test):,} test images of {subject.experiment.data.name}, those with the largest values; the test "
        f"set chooses nothing here, it is only looked at."
    ]
    figure = draw_top_activations_sheet(
        view,
        top,
        images=test.images,
        labels=subject.names(test.labels),
        class_names=subject.names_of_values(subject.layer),
        sight=subject.receptive_fields(subject.layer).get(subject.layer),
        title=f"{subject.opened.source}, on {subject.experiment.data.name} test images",
        facts=facts,
    )
    return LayerFigure(figure, facts)


def draw_grad_cam(subject: LayerInspection) -> LayerFigure:
    """Draws which places of a layer's maps speak for the class that is predicted."""
    pictured = subject.pictured(GRAD_CAM_IMAGES)
    prepared = subject.prepare(pictured.images)
    logits = subject.model.eval()(prepared)
    if logits.dim() != 2 or logits.shape[1] != len(subject.class_names):
        raise UsageError(
            f"--grad-cam: expected a network that gives a score for each of the {len(subject.class_names)} classes, "
            f"found one that gives {tuple(logits.shape)}; add the layers to the scores, or leave --grad-cam out"
        )
    # Negative numbers that an activation is about to cut off speak for nothing.
    after = activation_after(subject.model, prepared, layer=subject.layer)
    layer = after if after and after in map_layers(subject.model, prepared) else subject.layer
    cam = grad_cam(subject.model, prepared, layer=layer)
    maps = subject.layer if layer == subject.layer else f"{subject.layer}, after {layer},"
    facts = [
        f"Grad-CAM: bright where the maps of {maps} speak for the class that is predicted, dark where they do not; "
        f"{cam.heat.shape[1]} × {cam.heat.shape[2]} places."
    ]
    figure = draw_grad_cam_sheet(
        cam,
        layer=subject.layer,
        module=capture(subject.model, prepared[:1], layer=subject.layer).module,
        images=pictured.images,
        labels=subject.names(pictured.labels),
        class_names=subject.class_names,
        title=subject.title,
        facts=facts,
    )
    return LayerFigure(figure, facts)


def draw_network(subject: LayerInspection) -> LayerFigure:
    """Draws every layer in the order in which images pass through them."""
    pictured = subject.pictured(1)
    prepared = subject.prepare(pictured.images)
    layers = called_layers(subject.model, prepared)
    views = capture_views(subject.model, prepared, layers=layers)
    activations = [name for name, view in views.items() if is_activation(view.module)]
    sparsities = measure_sparsity(
        subject.model, subject.many(MEASURED_IMAGES), layers=activations, prepare=subject.prepare
    )
    facts = [f"{name}: {sparsity.words}" for name, sparsity in sparsities.items() if sparsity.overall]
    figure = draw_network_sheet(
        [views[layer] for layer in layers],
        pixels=prepared,
        images=pictured.images,
        labels=subject.names(pictured.labels),
        predictions=subject.predictions(pictured.images),
        class_names=subject.class_names,
        scores=layers_of_scores(subject.model, prepared),
        sights=subject.receptive_fields(*layers),
        sparsities=sparsities,
        signature=signature(subject.model),
        title=subject.title,
        facts=[
            f"{len(layers)} layers. What happens between layers without being one, such as a sum, is not drawn. Zeros "
            f"and dead units are counted over {len(subject.many(MEASURED_IMAGES)):,} images."
        ],
    )
    return LayerFigure(figure, [f"{len(layers)} layers: {', '.join(layers)}.", *facts])
