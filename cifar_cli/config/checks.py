"""Checks the keys of an experiment against each other, and warns of valid settings that look like mistakes."""

from collections.abc import Iterator
from math import exp, log, prod
from typing import TypeAlias

from cifar_cli import formatting
from cifar_cli.config.layers.shapes.infer_shapes import infer_shapes
from cifar_cli.config.layers.table import OUTPUT_RANGES, PASSING_LAYERS, SOFTMAX_LAYERS
from cifar_cli.config.messages import nearest
from cifar_cli.config.schema import Experiment
from cifar_cli.config.training_checks import training_issues, training_warnings
from cifar_cli.config.yaml.flow import to_flow_yaml
from cifar_cli.config.yaml.source_locations import Issue, KeyPath, dotted
from cifar_cli.data.transforms.table import AUGMENTATIONS
from cifar_cli.optim.table import OptimizerKeys

CrossFieldIssue: TypeAlias = tuple[Issue, KeyPath]
"""An issue with one key, and the other key that the issue depends on."""


def cross_field_issues(experiment: Experiment) -> Iterator[CrossFieldIssue]:
    """Yields the issues of keys that are valid by themselves but contradict each other."""
    data, model = experiment.data, experiment.model
    if not data.train_images:
        pass  # a person's own, and not found: nothing is known about them
    elif data.val_size >= data.train_images:
        expected = f"expected fewer than the {data.train_images} training images of {data.name}"
        example = "null" if data.is_own else "5000"
        mend = "write null for a tenth" if data.is_own else f"write for example {example}"
        finding = f"{expected}, found {data.val_size}"
        yield Issue(("data", "val_size"), finding, mend, word=f"data.val_size={example}"), ("data", "name")
    elif data.drop_last and data.batch_size > (fewest := _images_of_the_smallest_epoch(experiment)):
        of_epoch = " of the smallest epoch" if data.hard_example_fractions else ""
        expected = f"expected at most the {fewest} training images{of_epoch}, as drop_last is true"
        yield (
            Issue(
                ("data", "batch_size"),
                f"{expected}, found {data.batch_size}",
                f"write for example {min(64, fewest)}",
                word=f"data.batch_size={min(64, fewest)}",
            ),
            ("data", "val_size"),
        )
    for key, (augmentation, value) in data.augment.applied().items():
        if found := augmentation.issue(value, data.side):
            finding, mend = found
            yield (
                Issue(("data", "augment", key), finding, mend, word=_without_augmentation(key)),
                ("data", "name"),
            )
    if data.hard_example_fractions and data.hard_example_fractions[0] < 1:
        finding = f"expected 1, as no loss is known before the first epoch, found {data.hard_example_fractions[0]:g}"
        yield (
            Issue(("data", "hard_example_fractions", 0), finding, "write 1 before it"),
            ("data", "hard_example_fractions"),
        )
    yield from _nesterov_without_momentum(experiment)
    for index, group in enumerate(experiment.optimizer.groups):
        if group.epochs is not None and group.epochs > experiment.train.epochs:
            expected = f"expected at most the {formatting.count(experiment.train.epochs, 'epoch')} of train.epochs"
            mend = "leave it out to train the group to the end"
            path: KeyPath = ("optimizer", "groups", index, "epochs")
            word = f"{dotted(path)}=null"
            yield Issue(path, f"{expected}, found {group.epochs:g}", mend, word=word), ("train", "epochs")
    if side_issue := model.side_issue(data.side):
        key, finding, mend = side_issue
        yield Issue(("model", key), finding, mend), ("data", "name")
    yield from _unfit_sides(experiment)
    yield from training_issues(experiment)
    warmup_epochs, epochs = experiment.schedule.epochs_of_warmup, experiment.train.epochs
    if warmup_epochs >= epochs:
        finding = (
            f"expected fewer than the {formatting.count(epochs, 'epoch')} of train.epochs, found {warmup_epochs:g}"
        )
        mend = "set schedule.warmup_epochs to 0"
        word = "schedule.warmup_epochs=0"
        yield Issue(("schedule", "warmup_epochs"), finding, mend, word=word), ("train", "epochs")
    if experiment.schedule.needs_validation and data.val_size == 0:
        finding = f"expected images held out, as the schedule {experiment.schedule.name} follows their results, found 0"
        size = 100 if data.is_own else 5000
        mend, word = f"write for example {size}", f"data.val_size={size}"
        yield Issue(("data", "val_size"), finding, mend, word=word), ("schedule", "name")
    yield from _unknown_feature_layers(experiment)


def _without_augmentation(key: str) -> str:
    return f"data.augment.{key}={to_flow_yaml(AUGMENTATIONS[key].off)}"


def _images_of_the_smallest_epoch(experiment: Experiment) -> int:
    data = experiment.data
    images = data.train_images - data.val_size
    return max(1, round(min(data.hard_example_fractions[: experiment.train.epochs], default=1) * images))


def _nesterov_without_momentum(experiment: Experiment) -> Iterator[CrossFieldIssue]:
    sections: dict[KeyPath, OptimizerKeys] = {("optimizer",): experiment.optimizer}
    for index, group in enumerate(experiment.optimizer.groups):
        sections["optimizer", "groups", index] = group
    for path, keys in sections.items():
        if keys.lacks_momentum:
            finding = "expected a momentum above 0 with nesterov: true, found 0"
            issue = Issue(
                (*path, "nesterov"),
                finding,
                "write for example momentum: 0.9",
                word=f"{dotted((*path, 'momentum'))}=0.9",
            )
            yield issue, (*path, "momentum")
            if path == ("optimizer",):
                break  # groups inherit the section's settings: the same mistake is not reported again


def _unfit_sides(experiment: Experiment) -> Iterator[CrossFieldIssue]:
    """Yields the sides of training images that are too large for the images or too small for the model."""
    model, image_side = experiment.model, experiment.data.side
    for name, (augmentation, value) in experiment.data.augment.applied().items():
        key, sides = ("data", "augment", name), augmentation.new_sides(value)
        if sides and not model.takes_any_size and set(sides) != {image_side}:
            finding = (
                f"expected a model that takes pictures of any size, found {model.name}, made for {image_side} pixels"
            )
            mend, word = "leave it out, or write model: {name: cnn}", _without_augmentation(name)
            yield Issue(key, finding, mend, word=word), ("model", "name")
            continue
        for index, side in enumerate(sides):
            if side > image_side:
                finding = f"expected at most the image's {image_side} pixels, found {side}"
                word = f"{dotted((*key, index))}={image_side}"
                yield Issue((*key, index), finding, f"write {image_side}", word=word), ("data", "name")
            elif side < (least := model.least_side):
                finding = f"expected at least the {least} pixels that leave one after all poolings, found {side}"
                word = f"{dotted((*key, index))}={least}"
                yield Issue((*key, index), finding, f"write {least}", word=word), ("model", "widths")


def _unknown_feature_layers(experiment: Experiment) -> Iterator[CrossFieldIssue]:
    # The layer names of other models are known only after the model is built.
    layers = experiment.model.listed_layers
    if layers is None:
        return
    names = [layer.name for layer in layers]
    for index, name in enumerate(experiment.log.feature_layers):
        if name not in names:
            mend = nearest(name, names).removeprefix("; ") or f"the layers are {', '.join(names)}"
            path: KeyPath = ("log", "feature_layers", index)
            known = [layer for layer in experiment.log.feature_layers if layer in names]
            word = f"log.feature_layers={to_flow_yaml(known)}"
            yield Issue(path, f"no layer is named '{name}'", mend, word=word), ("model", "layers")


def class_scores_issue(experiment: Experiment) -> str | None:
    """Returns why the model's output is not one score per class, and what to add; None if it is."""
    facts, layers = experiment.data, experiment.model.listed_layers
    if layers is None:
        return None
    steps = infer_shapes(layers, facts.image_shape)
    output = steps[-1].output_shape
    if output == (facts.num_classes,):
        return None
    names = {layer.name for layer in layers}
    linear = f"`- {_unused('fc', names)}: {{type: Linear, out_features: {facts.num_classes}}}`"
    added = linear if len(output) == 1 else f"`- {_unused('flatten', names)}: Flatten` and {linear}"
    if len(output) == 1 and steps[-1].type == "Linear":
        added = f"another layer, or write out_features: {facts.num_classes} in {steps[-1].name}"
    return (
        f"model.layers: expected one score for each of the {facts.num_classes} classes of {experiment.data.name} "
        f"at the end, found {formatting.shape(output)} = {prod(output)} numbers from {steps[-1].name}; add {added}"
    )


def warnings(experiment: Experiment) -> list[str]:
    """Returns sentences about settings that are valid, but probably mistakes."""
    if class_scores_issue(experiment):
        return []  # a model without class scores is not trained, only shown
    return [*_last_layer_warnings(experiment), *_grey_warnings(experiment), *training_warnings(experiment)]


def _last_layer_warnings(experiment: Experiment) -> Iterator[str]:
    changing = [layer for layer in experiment.model.listed_layers or () if layer.type not in PASSING_LAYERS]
    sentence = last_layer_warning(changing[-1].type, experiment) if changing else None
    if sentence:
        yield f"model.layers.{changing[-1].name}: {sentence}"


def _grey_warnings(experiment: Experiment) -> Iterator[str]:
    if experiment.data.image_shape[0] > 1:
        return
    for key, (augmentation, value) in experiment.data.augment.applied().items():
        if unused := augmentation.unused_in_grey(value):
            name = experiment.data.name
            yield f"data.augment.{key}: {unused} changes nothing in the grey images of {name}: leave it out"


def last_layer_warning(layer_type: str, experiment: Experiment) -> str | None:
    """Returns what is wrong with such a layer as the last one, None if nothing is known to be."""
    loss = experiment.loss
    if not loss.takes_softmax:
        return None
    if layer_type == "LogSoftmax":
        return f"the loss {loss.name} takes the LogSoftmax itself; a second one changes nothing: leave it out"
    if layer_type in OUTPUT_RANGES:
        reason = ", which takes the softmax itself," if layer_type in SOFTMAX_LAYERS else ""
        return _floor_sentence(layer_type, experiment.data.num_classes, f"{loss.name}{reason}")
    if layer_type in ("ReLU", "ReLU6"):
        return (
            f"{layer_type} as the last layer turns every negative class score into 0, and no gradient passes "
            f"there: classes can die for good; {loss.name} takes scores of any sign: leave it out"
        )
    return None


def _floor_sentence(layer_type: str, num_classes: int, loss: str) -> str:
    low, high = OUTPUT_RANGES[layer_type]
    # The lowest loss of such scores: `high` for the true class and `low` for all others.
    floor = log(1 + (num_classes - 1) * exp(low - high))
    return (
        f"{layer_type} as the last layer keeps the class scores between {low:g} and {high:g}, so that the loss "
        f"{loss} cannot fall below {floor:.2f}, where a guess has ln {num_classes} = "
        f"{log(num_classes):.2f}; training is slow: leave it out"
    )


def _unused(name: str, used: set[str]) -> str:
    """Returns the name, with the lowest number from 2 that makes it unused if it is used."""
    number = 1
    candidate = name
    while candidate in used:
        number += 1
        candidate = f"{name}{number}"
    return candidate
