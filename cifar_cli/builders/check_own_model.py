"""Tries a person's own network on two images, before anything else is done with it, and says what is wrong with it."""

import ast
from collections.abc import Iterable
from math import prod

import torch
from torch import Tensor, nn

from cifar_cli import config, formatting
from cifar_cli.analysis.capture import capture_many
from cifar_cli.analysis.trace import trace_forward
from cifar_cli.builders.build_model import build_model
from cifar_cli.config import Experiment
from cifar_cli.console.streams import warn
from cifar_cli.errors import UsageError
from cifar_cli.models.eval_mode import eval_mode
from cifar_cli.models.own.build_own import own_files, own_source
from cifar_cli.models.own.own_source import OwnSource
from cifar_cli.models.own.translate_own_error import translated_errors
from cifar_cli.models.own.unregistered_layers import layers_in_containers, loose_tensors, unregistered_calls
from cifar_cli.models.table import FileKeys

IMAGES = 2  # few, and not one: a network that mixes images, or fixes their number, shows it
LAST_OPERATIONS = {
    "_softmax": "Softmax",
    "_log_softmax": "LogSoftmax",
    "sigmoid": "Sigmoid",
    "tanh": "Tanh",
    "relu": "ReLU",
    "hardtanh": "ReLU6",
}
"""torch's operations that limit the class scores, and the layers that make them."""


def check_own_model(experiment: Experiment) -> None:
    """Raises UsageError if the own network cannot be looked at: it fails, mixes images, or hides layers."""
    own, model = _source(experiment), build_model(experiment)
    _check_registered(own, model)
    with unregistered_calls(model) as hidden:
        output = _forward(own, model, _images(experiment), training=False)
    _check_hidden(own, hidden)
    _check_output(own, model, output)
    _check_single_image(own, model, output, _forward(own, model, _images(experiment)[:1], training=False))


def check_own_training(experiment: Experiment) -> None:
    """Raises UsageError if the own network cannot be trained; warns of likely mistakes in it."""
    check_own_model(experiment)
    own, model = _source(experiment), build_model(experiment)
    images = _images(experiment)
    check_own_class_scores(experiment)
    if not any(parameter.requires_grad for parameter in model.parameters()):
        raise UsageError(
            f"{_place(own, model)}: expected weights to train in {own.attribute}, found none; add a layer that has "
            f"some, such as nn.Linear"
        )
    for side in _sides(experiment):
        smaller = torch.randn(IMAGES, images.shape[1], side, side)
        if tuple(_forward(own, model, smaller, training=True).shape) != (IMAGES, experiment.data.num_classes):
            raise UsageError(
                f"{_place(own, model)}: expected class scores for images of {side} × {side} pixels too, as "
                f"data.augment makes them, found another output; leave that augmentation out"
            )
    logits = _forward(own, model, images, training=True)
    _check_output(own, model, logits)
    with translated_errors(own_files(), own):
        torch.nn.functional.cross_entropy(logits, torch.zeros(IMAGES, dtype=torch.int64)).backward()
    _warn_of_mistakes(experiment, own, model, images)
    capture_many(model, images, layers=experiment.log.feature_layers)  # raises UsageError for one without a picture


def check_own_class_scores(experiment: Experiment) -> None:
    """Raises UsageError if the own network's output is not a score for each class; the message says what to add."""
    own, model = _source(experiment), build_model(experiment)
    output = _forward(own, model, _images(experiment), training=False)
    shape, classes = tuple(output.shape[1:]), experiment.data.num_classes
    if shape == (classes,):
        return
    found = f"{formatting.shape(shape)} = {prod(shape):,} numbers" if len(shape) > 1 else f"{prod(shape):,} numbers"
    mend = (
        f"add nn.Flatten() and nn.Linear({prod(shape)}, {classes}) at its end"
        if len(shape) != 1
        else f"write nn.Linear(…, {classes}) for its last layer, or add nn.Linear({shape[0]}, {classes})"
    )
    raise UsageError(
        f"{_place(own, model)}: expected one score for each of the {classes} classes of {experiment.data.name} at the "
        f"end of {own.attribute}, found {found} for each image; {mend}. To look at it as it is: cifar explain "
        f"{own.word}"
    )


def _source(experiment: Experiment) -> OwnSource:
    assert isinstance(experiment.model, FileKeys)
    return own_source(experiment.model)


def _images(experiment: Experiment) -> Tensor:
    """Returns random numbers in the shape of normalized images."""
    return torch.randn(IMAGES, *experiment.data.image_shape, generator=torch.Generator().manual_seed(0))


def _sides(experiment: Experiment) -> Iterable[int]:
    applied = experiment.data.augment.applied().values()
    return sorted({side for augmentation, value in applied for side in augmentation.new_sides(value)})


def _forward(own: OwnSource, model: nn.Module, images: Tensor, *, training: bool) -> Tensor:
    """Returns the network's output. Raises UsageError with the line of the file in which it fails."""
    with torch.random.fork_rng(devices=[]), translated_errors(own_files(), own):
        if training:
            output: Tensor = model.train()(images)
        else:
            with eval_mode(model), torch.no_grad():
                output = model(images)
    return output


def _place(own: OwnSource, model: nn.Module, method: str = "") -> str:
    """Returns `FILE:LINE` of a method of the network's class, else of the class."""
    node = own.class_node(type(model).__name__)
    methods = [inner for inner in node.body if isinstance(inner, ast.FunctionDef)] if node else []
    line = next((inner.lineno for inner in methods if inner.name == method), node.lineno if node else None)
    return f"{own.path}:{line or own.line_of(own.attribute)}"


def _check_registered(own: OwnSource, model: nn.Module) -> None:
    for owner, attribute, kind in layers_in_containers(model):
        is_dict = kind == "dict"
        raise UsageError(
            f"{own.place_of_attribute(type(owner).__name__, attribute)}: expected the layers in self.{attribute} to be "
            f"registered, found them in a {kind}, where their weights are neither trained nor saved; write "
            f"self.{attribute} = nn.Module{'Dict({…})' if is_dict else 'List([…])'}"
        )
    for owner, attribute in loose_tensors(model):
        raise UsageError(
            f"{own.place_of_attribute(type(owner).__name__, attribute)}: expected the weights self.{attribute} to be "
            f"registered, found a plain tensor, which is neither trained nor saved; write self.{attribute} = "
            f"nn.Parameter(…)"
        )


def _check_hidden(own: OwnSource, hidden: list[nn.Module]) -> None:
    if not hidden:
        return
    kinds = ", ".join(type(layer).__name__ for layer in hidden)
    raise UsageError(
        f"{own.path}:{own.line_of(own.attribute)}: expected only layers that {own.attribute} has registered, found "
        f"that forward calls another {kinds}, whose weights are neither trained nor saved; make it in __init__"
    )


def _check_output(own: OwnSource, model: nn.Module, output: object) -> None:
    place = _place(own, model, "forward")
    if output is None:
        raise UsageError(f"{place}: expected forward to give a tensor, found nothing; end it with return x")
    if not isinstance(output, Tensor):
        kind = type(output).__name__
        raise UsageError(f"{place}: expected forward to give one tensor, found a {kind}; return the scores alone")
    if not output.is_floating_point():
        found = str(output.dtype).removeprefix("torch.")
        raise UsageError(
            f"{place}: expected forward to give numbers of type float32, found {found}; return the scores themselves, "
            f"before argmax or round"
        )
    if output.dim() == 0 or len(output) != IMAGES:
        raise UsageError(
            f"{place}: expected one row in the output for each of {IMAGES} images, found the shape "
            f"{tuple(output.shape)}, in which the images are mixed; write x.flatten(1) in the place of x.flatten() or "
            f"of a view with a fixed number of images"
        )


def _check_single_image(own: OwnSource, model: nn.Module, output: Tensor, of_one: Tensor) -> None:
    """Raises UsageError where a single image, such as one for predict, does not keep its dimension."""
    if of_one.shape[:1] != (1,) or of_one.shape[1:] != output.shape[1:]:
        raise UsageError(
            f"{_place(own, model, 'forward')}: expected an output of the shape {(1, *output.shape[1:])} for a single "
            f"image, found {tuple(of_one.shape)}; write x.flatten(1) in the place of x.squeeze()"
        )


def _warn_of_mistakes(experiment: Experiment, own: OwnSource, model: nn.Module, images: Tensor) -> None:
    """Warns of a last operation that limits the scores, of seeding, and of layers that are never called."""
    steps = trace_forward(build_model(experiment), images)
    computed = [(step, operation.name) for step in steps for operation in step.computing()]
    step, operation = computed[-1] if computed else (None, "")
    if step and (sentence := config.last_layer_warning(LAST_OPERATIONS.get(operation, ""), experiment)):
        class_name = type(model).__name__
        place = (
            own.place_of_attribute(class_name, step.name.rpartition(".")[2])
            if step.module
            else own.place_of_call(class_name, operation.removeprefix("_"))
        )
        warn(f"{place}: {sentence}")
    if seeding := own.place_of_seeding(type(model).__name__):
        warn(
            f"{seeding}: the network seeds the random numbers itself, so that those that it draws are the same for "
            f"every seed of the configuration and of --seeds: leave it out"
        )
    unused = {
        name.rpartition(".")[0] or name
        for name, parameter in model.named_parameters()
        if parameter.requires_grad and parameter.grad is None
    }
    if unused:
        names, place = ", ".join(sorted(unused)), _place(own, model, "forward")
        warn(f"{place}: forward did not use {names} when it was tried: weights that are not used are not trained")
