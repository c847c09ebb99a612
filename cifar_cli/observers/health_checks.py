"""Warns once when a network does not learn, with the figures that show this and with a remedy.

A warning, not an error: the person may want such a training.
"""

from collections.abc import Callable
from functools import partial

from torch import Tensor

from cifar_cli import formatting
from cifar_cli.analysis.activity import activation_figures, copied_weights, gradient_figures, to_numbers, total_update
from cifar_cli.observers.guessing import Score, guessing_advice, guessing_finding, is_guessing
from cifar_cli.optim.reported_lr import ConfiguredLr, configured_lr
from cifar_cli.optim.schedules.build_schedule import peak_step
from cifar_cli.training.evaluation import Evaluation
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState

DEAD_FRACTION = 0.9  # of a layer's units; a few dead units in a network with ReLU do no harm
# An epoch is judged after so many steps at the full learning rate: deep networks begin with a plateau.
STEPS_BEFORE_JUDGEMENT = 100


class HealthChecks(Observer):
    """Checks each epoch for dead layers, layers without gradient, and a loss no better than guessing.

    images: uint8 (B, C, H, W), the same each time; `preprocess` turns images into the network's input. guessing_loss:
    the loss of the same score for every class. steps: of the whole training. lists_layers: whether the configuration
    lists the layers, so that advice can name another layer. warn: prints a warning.
    """

    def __init__(
        self,
        *,
        images: Tensor,
        preprocess: Callable[[Tensor], Tensor],
        num_classes: int,
        guessing_loss: float,
        steps: int,
        lists_layers: bool,
        warn: Callable[[str], None],
    ) -> None:
        self._images = images
        self._preprocess = preprocess
        self._num_classes = num_classes
        self._guessing_loss = guessing_loss
        self._steps = steps
        self._lists_layers = lists_layers
        self._warn = warn
        self._warned: set[str] = set()

    def training_started(self, state: TrainingState) -> None:
        self._weights_at_start = copied_weights(state.model)
        self._judged_from = min(peak_step(state.scheduler, steps=self._steps) + STEPS_BEFORE_JUDGEMENT, self._steps)
        self._val: Score | None = None
        # A training that was stopped after the last step of an epoch goes on with its validation, without a step.
        self._train_images = state.totals.images

    def step_ended(self, state: TrainingState) -> None:
        self._train_images = state.totals.images

    def validated(self, state: TrainingState, evaluation: Evaluation) -> None:
        self._val = Score(evaluation.loss, evaluation.accuracy, evaluation.images)

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        lr = configured_lr(state.scheduler)
        outputs = to_numbers(activation_figures(state.model, self._preprocess(self._images)))
        dead = {name.removesuffix("/dead"): fraction for name, fraction in outputs.items() if name.endswith("/dead")}
        for layer, fraction in dead.items():
            if fraction >= DEAD_FRACTION:
                self._warn_once(
                    layer,
                    dead_layer(
                        layer,
                        fraction,
                        images=len(self._images),
                        epoch=report.epoch,
                        lr=lr,
                        lists_layers=self._lists_layers,
                    ),
                )
        if self._warned:
            return  # the checks below would report the same cause
        gradients = to_numbers(gradient_figures(state.model))
        for layer, norm in gradients.items():
            if norm == 0 and any(gradients.values()):  # if all are 0, the last batch had no loss
                self._warn_once(layer, layer_without_gradient(layer, step=report.step))
        if not self._warned and report.step >= self._judged_from:
            self._check_guessing(state, report)

    def _check_guessing(self, state: TrainingState, report: EpochReport) -> None:
        """Warns if both the training and the validation images are answered as by guessing.

        Both, because either can lag: training accuracy is a mean over the epoch, with augmentation; validation uses
        the averages of BatchNorm.
        """
        train = Score(report.train_loss, report.train_accuracy, self._train_images)
        guess = partial(is_guessing, num_classes=self._num_classes, guessing_loss=self._guessing_loss)
        if all(guess(score) for score in (train, self._val) if score):
            finding = guessing_finding(
                train,
                self._val,
                epoch=report.epoch,
                num_classes=self._num_classes,
                guessing_loss=self._guessing_loss,
            )
            advice = guessing_advice(
                state.model,
                loss_ratio=(self._val or train).loss / self._guessing_loss,
                moved=total_update(state.model, self._weights_at_start).item(),
                lr=configured_lr(state.scheduler),
                lists_layers=self._lists_layers,
            )
            self._warn_once("loss", f"{finding} {advice}")

    def _warn_once(self, subject: str, text: str) -> None:
        if subject not in self._warned:
            self._warned.add(subject)
            self._warn(text)


def dead_layer(
    layer: str, fraction: float, *, images: int, epoch: int, lr: ConfiguredLr, lists_layers: bool = True
) -> str:
    """Returns the warning about a layer with many units that are 0 for every image. fraction: of units, in [0, 1]."""
    other_layer = f", or write LeakyReLU in the place of {layer}" if lists_layers else ""
    return (
        f"after epoch {epoch}, {formatting.percent(fraction, decimals=0)} of the units of {layer} are 0 for each of "
        f"{formatting.count(images, 'image')}: no gradient "
        f"passes through them, so they stay dead, and the layers before them no longer learn. Start again with "
        f"{lr.key}={lr.smaller} (it is {lr.value:g}){other_layer}"
    )


def layer_without_gradient(layer: str, *, step: int) -> str:
    """Returns the warning about a layer whose weights have no gradient."""
    return (
        f"after step {step}, the gradient of the weights of {layer} is exactly 0, while other layers have one: it does "
        f"not learn. Check that its output reaches the loss: an activation that is 0 for every image (the curves "
        f"activations/<layer>/dead in TensorBoard) or a factor of 0 blocks the gradient. To freeze the layer on "
        f"purpose, write train.freeze=[{layer}.*]"
    )
