"""The figures of `cifar visualize-layer` of a network as it is: analyses the network, and draws the result."""

from cifar_cli import formatting
from cifar_cli.analysis.call_order import activation_after, called_layers, is_activation, layers_of_scores
from cifar_cli.analysis.capture import capture, capture_views
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

MAX_UNITS = 32
TOP_IMAGES, TOP_IMAGES_OF_MANY_UNITS, MANY_UNITS = 8, 4, 16  # more units get fewer images: the sheet stays a page
GRAD_CAM_IMAGES = 6


def draw_layer(inspection: LayerInspection) -> LayerFigure:
    """Draws a layer's input, its output, and the output of the activation after it, channel by channel."""
    shown = inspection.sample_images(4)
    inputs = inspection.preprocess(shown.images)
    after = activation_after(inspection.model, inputs, layer=inspection.layer)
    views = capture_views(inspection.model, inputs, layers=[inspection.layer, *([after] if after else [])])
    view = views[inspection.layer]
    activation = view.name if is_activation(view.module) else after
    notes, zero_fractions = [], None
    if activation:
        sparsity = inspection.sparsities(activation)[activation]
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
    """Returns the meaning of the framed pixels of an image."""
    row, column = receptive_field.middle
    number = f"the number in the middle of each channel, at row {row}, column {column}," if is_map else "each number"
    size = receptive_field.middle_box.size
    whole = receptive_field.whole_size
    cut = f" Its field of {whole} is cut off at the image's edge." if whole else ""
    return f"Receptive field: {number} depends on the {size} pixels that are framed in the image.{cut}"


def draw_tutorial(inspection: LayerInspection) -> LayerFigure:
    """Draws the output of a layer as many tutorials do, reshaped to three channels."""
    shown = inspection.sample_images(4)
    view = capture(inspection.model, inspection.preprocess(shown.images), layer=inspection.layer)
    labels = inspection.names(shown.labels)
    figure = draw_tutorial_sheet(view, images=shown.images, labels=labels, title=inspection.title)
    return LayerFigure(figure, describe_layer(view))


def draw_top_activations(inspection: LayerInspection) -> LayerFigure:
    """Draws the test images with the highest activations of each unit of a layer, and their receptive fields."""
    test = inspection.splits.test
    view = capture(inspection.model, inspection.preprocess(test.images[:1]), layer=inspection.layer)
    usual = TOP_IMAGES if view.output.shape[1] <= MANY_UNITS else TOP_IMAGES_OF_MANY_UNITS
    top = top_activations(
        inspection.model,
        test.images,
        layer=inspection.layer,
        preprocess=inspection.preprocess,
        per_unit=min(inspection.count or usual, len(test)),
        max_units=MAX_UNITS,
    )
    facts = [
        f"The highest activations among all {len(test):,} test images of {inspection.experiment.data.name}. The test "
        "set is only looked at: nothing is chosen by it."
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
    """Draws the regions of a layer's feature maps that support the predicted class."""
    shown = inspection.sample_images(GRAD_CAM_IMAGES)
    inputs = inspection.preprocess(shown.images)
    logits = inspection.model.eval()(inputs)
    if logits.dim() != 2 or logits.shape[1] != len(inspection.class_names):
        raise UsageError(
            f"--grad-cam: expected a network with a score for each of the {len(inspection.class_names)} classes, "
            f"found an output of shape {tuple(logits.shape)}; add layers up to the scores, or leave --grad-cam out"
        )
    # Grad-CAM uses the activation after the layer: the activation removes negative values, which have no effect.
    after = activation_after(inspection.model, inputs, layer=inspection.layer)
    layer = after if after and after in map_layers(inspection.model, inputs) else inspection.layer
    cam = grad_cam(inspection.model, inputs, layer=layer)
    maps = inspection.layer if layer == inspection.layer else f"{inspection.layer}, after {layer},"
    facts = [
        f"Grad-CAM: bright where the maps of {maps} support the predicted class, dark elsewhere; "
        f"{formatting.shape(cam.heat.shape[1:])} positions."
    ]
    figure = draw_grad_cam_sheet(
        cam,
        layer=inspection.layer,
        module=capture(inspection.model, inputs[:1], layer=inspection.layer).module,
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
    inputs = inspection.preprocess(shown.images)
    layers = called_layers(inspection.model, inputs)
    views = capture_views(inspection.model, inputs, layers=layers)
    activations = [name for name, view in views.items() if is_activation(view.module)]
    sparsities = inspection.sparsities(*activations)
    facts = [f"{name}: {sparsity.summary}" for name, sparsity in sparsities.items() if sparsity.overall]
    figure = draw_network_sheet(
        [views[layer] for layer in layers],
        pixels=inputs,
        images=shown.images,
        labels=inspection.names(shown.labels),
        predictions=inspection.predictions(shown.images),
        class_names=inspection.class_names,
        scores=layers_of_scores(inspection.model, inputs),
        receptive_fields=inspection.receptive_fields(*layers),
        sparsities=sparsities,
        signature=signature(inspection.model),
        title=inspection.title,
        facts=[
            f"{formatting.count(len(layers), 'layer')}. Operations between layers, such as a sum, are not drawn. "
            "Zeros and dead units are "
            f"counted over {formatting.count(len(inspection.measured_images()), 'image')}."
        ],
    )
    return LayerFigure(figure, [f"{formatting.count(len(layers), 'layer')}: {', '.join(layers)}.", *facts])
