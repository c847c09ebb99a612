"""The pictures of `cifar visualize-layer` that show a network as it is: measures the network and draws the result."""

from cifar_cli import formatting
from cifar_cli.analysis.call_order import activation_after, called_layers, is_activation, layers_of_scores
from cifar_cli.analysis.capture import capture, capture_views
from cifar_cli.analysis.dead_units import measure_sparsity
from cifar_cli.analysis.describe_layer import describe_layer, signature
from cifar_cli.analysis.grad_cam import grad_cam, map_layers
from cifar_cli.analysis.receptive_field import ReceptiveField
from cifar_cli.analysis.top_activations import top_activations
from cifar_cli.errors import UsageError
from cifar_cli.figures.grad_cam_sheet import draw_grad_cam_sheet
from cifar_cli.figures.layer_sheet import draw_layer_sheet
from cifar_cli.figures.network_sheet import draw_network_sheet
from cifar_cli.figures.top_activations_sheet import draw_top_activations_sheet
from cifar_cli.figures.tutorial_sheet import draw_tutorial_sheet
from cifar_cli.inspection.layer_inspection import LayerFigure, LayerInspection

EXCITING_IMAGES, EXCITING_UNITS = 8, 32
GRAD_CAM_IMAGES = 6


def draw_layer(inspection: LayerInspection) -> LayerFigure:
    """Draws a layer's input, its output, and the output of the activation after it, channel by channel."""
    shown = inspection.sample_images(4)
    prepared = inspection.prepare(shown.images)
    after = activation_after(inspection.model, prepared, layer=inspection.layer)
    views = capture_views(inspection.model, prepared, layers=[inspection.layer, *([after] if after else [])])
    view = views[inspection.layer]
    activation = view.name if is_activation(view.module) else after
    notes, zero_fractions = [], None
    if activation:
        (sparsity,) = measure_sparsity(
            inspection.model, inspection.measured_images(), layers=[activation], preprocess=inspection.prepare
        ).values()
        notes.append(f"After {activation}: {sparsity.summary}")
        zero_fractions = sparsity.zero_fractions if sparsity.overall else None
    receptive_field = inspection.receptive_fields(inspection.layer).get(inspection.layer)
    if receptive_field is not None:
        notes.append(_describe_receptive_field(receptive_field, is_map=view.output.dim() == 4))
    figure = draw_layer_sheet(
        view,
        images=shown.images,
        labels=inspection.names(shown.labels),
        predictions=inspection.predictions(shown.images),
        class_names=inspection.names_of_values(inspection.layer),
        title=inspection.title,
        notes=notes,
        after=views[after] if after else None,
        zero_fractions=zero_fractions,
        box=receptive_field.middle_box if receptive_field else None,
    )
    return LayerFigure(figure, [*describe_layer(view), *notes])


def _describe_receptive_field(receptive_field: ReceptiveField, *, is_map: bool) -> str:
    """Returns the meaning of the box on an image."""
    row, column = receptive_field.middle
    place = f"the number in the middle of each channel, at row {row}, column {column}," if is_map else "it"
    size = receptive_field.middle_box.size
    return f"Receptive field: {place} depends on the {size} pixels that are framed in the image."


def draw_tutorial(inspection: LayerInspection) -> LayerFigure:
    """Draws a layer's output the way many tutorials do."""
    shown = inspection.sample_images(4)
    view = capture(inspection.model, inspection.prepare(shown.images), layer=inspection.layer)
    labels = inspection.names(shown.labels)
    figure = draw_tutorial_sheet(view, images=shown.images, labels=labels, title=inspection.title)
    return LayerFigure(figure, describe_layer(view))


def draw_top_activations(inspection: LayerInspection) -> LayerFigure:
    """Draws the test images with the largest values of each unit of a layer, and the pixels that caused them."""
    test = inspection.splits.test
    top = top_activations(
        inspection.model,
        test.images,
        layer=inspection.layer,
        preprocess=inspection.prepare,
        per_unit=min(inspection.count or EXCITING_IMAGES, len(test)),
        max_units=EXCITING_UNITS,
    )
    view = capture(inspection.model, inspection.prepare(test.images[:1]), layer=inspection.layer)
    facts = [
        f"Of all {len(test):,} test images of {inspection.experiment.data.name}, those with the largest values; the "
        f"test set chooses nothing here, it is only looked at."
    ]
    figure = draw_top_activations_sheet(
        view,
        top,
        images=test.images,
        labels=inspection.names(test.labels),
        class_names=inspection.names_of_values(inspection.layer),
        receptive_field=inspection.receptive_fields(inspection.layer).get(inspection.layer),
        title=f"{inspection.opened.source}, on {inspection.experiment.data.name} test images",
        facts=facts,
    )
    return LayerFigure(figure, facts)


def draw_grad_cam(inspection: LayerInspection) -> LayerFigure:
    """Draws the places of a layer's maps that speak for the predicted class."""
    shown = inspection.sample_images(GRAD_CAM_IMAGES)
    prepared = inspection.prepare(shown.images)
    logits = inspection.model.eval()(prepared)
    if logits.dim() != 2 or logits.shape[1] != len(inspection.class_names):
        raise UsageError(
            f"--grad-cam: expected a network that gives a score for each of the {len(inspection.class_names)} classes, "
            f"found one that gives {tuple(logits.shape)}; add the layers to the scores, or leave --grad-cam out"
        )
    # Grad-CAM takes the activation after the layer: negative values that it cuts off speak for nothing.
    after = activation_after(inspection.model, prepared, layer=inspection.layer)
    layer = after if after and after in map_layers(inspection.model, prepared) else inspection.layer
    cam = grad_cam(inspection.model, prepared, layer=layer)
    maps = inspection.layer if layer == inspection.layer else f"{inspection.layer}, after {layer},"
    facts = [
        f"Grad-CAM: bright where the maps of {maps} speak for the class that is predicted, dark where they do not; "
        f"{formatting.shape(cam.heat.shape[1:])} places."
    ]
    figure = draw_grad_cam_sheet(
        cam,
        layer=inspection.layer,
        module=capture(inspection.model, prepared[:1], layer=inspection.layer).module,
        images=shown.images,
        labels=inspection.names(shown.labels),
        class_names=inspection.class_names,
        title=inspection.title,
        facts=facts,
    )
    return LayerFigure(figure, facts)


def draw_network(inspection: LayerInspection) -> LayerFigure:
    """Draws every layer in the order in which images pass through them."""
    shown = inspection.sample_images(1)
    prepared = inspection.prepare(shown.images)
    layers = called_layers(inspection.model, prepared)
    views = capture_views(inspection.model, prepared, layers=layers)
    activations = [name for name, view in views.items() if is_activation(view.module)]
    sparsities = measure_sparsity(
        inspection.model, inspection.measured_images(), layers=activations, preprocess=inspection.prepare
    )
    facts = [f"{name}: {sparsity.summary}" for name, sparsity in sparsities.items() if sparsity.overall]
    figure = draw_network_sheet(
        [views[layer] for layer in layers],
        pixels=prepared,
        images=shown.images,
        labels=inspection.names(shown.labels),
        predictions=inspection.predictions(shown.images),
        class_names=inspection.class_names,
        scores=layers_of_scores(inspection.model, prepared),
        receptive_fields=inspection.receptive_fields(*layers),
        sparsities=sparsities,
        signature=signature(inspection.model),
        title=inspection.title,
        facts=[
            f"{len(layers)} layers. What happens between layers without being one, such as a sum, is not drawn. Zeros "
            f"and dead units are counted over {len(inspection.measured_images()):,} images."
        ],
    )
    return LayerFigure(figure, [f"{len(layers)} layers: {', '.join(layers)}.", *facts])
