"""The pictures of `cifar visualize-layer` that show a network as it is: computes what is to be seen, has it drawn."""

from cifar_cli.commands.drawn import MEASURED_IMAGES, Drawn
from cifar_cli.commands.subject import Subject
from cifar_cli.errors import UsageError
from cifar_cli.insight.calls import activation_after, called_layers, is_activation, layers_of_scores
from cifar_cli.insight.dead_units import measure_silence
from cifar_cli.insight.describe import describe, signature
from cifar_cli.insight.exciting import most_exciting
from cifar_cli.insight.explained.frames import Sight
from cifar_cli.insight.grad_cam import grad_cam, map_layers
from cifar_cli.insight.layers import capture, capture_views
from cifar_cli.insight.pictures.exciting_sheet import draw_exciting_sheet
from cifar_cli.insight.pictures.grad_cam_sheet import draw_grad_cam_sheet
from cifar_cli.insight.pictures.sheets import draw_layer_sheet
from cifar_cli.insight.pictures.story_sheet import draw_story_sheet
from cifar_cli.insight.pictures.tutorial_sheet import draw_tutorial_sheet

EXCITING_IMAGES, EXCITING_UNITS = 8, 32
GRAD_CAM_IMAGES = 6


def draw_layer(subject: Subject) -> Drawn:
    """Draws a layer's input, output, and what the activation after it makes of that, channel by channel."""
    pictured = subject.pictured(4)
    prepared = subject.prepare(pictured.images)
    after = activation_after(subject.model, prepared, layer=subject.layer)
    views = capture_views(subject.model, prepared, layers=[subject.layer, *([after] if after else [])])
    view = views[subject.layer]
    activation = view.name if is_activation(view.module) else after
    notes, zero_shares = [], None
    if activation:
        (silence,) = measure_silence(
            subject.model, subject.many(MEASURED_IMAGES), layers=[activation], prepare=subject.prepare
        ).values()
        notes.append(f"After {activation}: {silence.words}")
        zero_shares = silence.zero_shares if silence.overall else None
    sight = subject.sights(subject.layer).get(subject.layer)
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
    return Drawn(figure, [*describe(view), *notes])


def _sight_words(sight: Sight, *, is_map: bool) -> str:
    """Returns what the frame on an image stands for."""
    row, column = sight.middle
    place = f"the number in the middle of each channel, at row {row}, column {column}," if is_map else "it"
    return f"Receptive field: {place} depends on the {sight.of_middle.size} pixels that are framed in the image."


def draw_tutorial(subject: Subject) -> Drawn:
    """Draws a layer's output the way many tutorials do."""
    pictured = subject.pictured(4)
    view = capture(subject.model, subject.prepare(pictured.images), layer=subject.layer)
    labels = subject.names(pictured.labels)
    figure = draw_tutorial_sheet(view, images=pictured.images, labels=labels, title=subject.title)
    return Drawn(figure, describe(view))


def draw_exciting(subject: Subject) -> Drawn:
    """Draws the test images that excite each unit of a layer most, with the pixels that did."""
    test = subject.splits.test
    excitement = most_exciting(
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
    figure = draw_exciting_sheet(
        view,
        excitement,
        images=test.images,
        labels=subject.names(test.labels),
        class_names=subject.names_of_values(subject.layer),
        sight=subject.sights(subject.layer).get(subject.layer),
        title=f"{subject.opened.source}, on {subject.experiment.data.name} test images",
        facts=facts,
    )
    return Drawn(figure, facts)


def draw_grad_cam(subject: Subject) -> Drawn:
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
    return Drawn(figure, facts)


def draw_all(subject: Subject) -> Drawn:
    """Draws every layer in the order in which images pass through them."""
    pictured = subject.pictured(1)
    prepared = subject.prepare(pictured.images)
    layers = called_layers(subject.model, prepared)
    views = capture_views(subject.model, prepared, layers=layers)
    activations = [name for name, view in views.items() if is_activation(view.module)]
    silences = measure_silence(
        subject.model, subject.many(MEASURED_IMAGES), layers=activations, prepare=subject.prepare
    )
    facts = [f"{name}: {silence.words}" for name, silence in silences.items() if silence.overall]
    figure = draw_story_sheet(
        [views[layer] for layer in layers],
        pixels=prepared,
        images=pictured.images,
        labels=subject.names(pictured.labels),
        predictions=subject.predictions(pictured.images),
        class_names=subject.class_names,
        scores=layers_of_scores(subject.model, prepared),
        sights=subject.sights(*layers),
        silences=silences,
        signature=signature(subject.model),
        title=subject.title,
        facts=[
            f"{len(layers)} layers. What happens between layers without being one, such as a sum, is not drawn. Zeros "
            f"and dead units are counted over {len(subject.many(MEASURED_IMAGES)):,} images."
        ],
    )
    return Drawn(figure, [f"{len(layers)} layers: {', '.join(layers)}.", *facts])
