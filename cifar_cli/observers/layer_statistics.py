"""Writes curves of each layer's activations, gradients and weight updates to TensorBoard."""

from collections.abc import Callable

from torch import Tensor, nn

from cifar_cli.analysis.activity import activation_figures, copied_weights, gradient_figures, to_numbers, update_figures
from cifar_cli.observers.event_file import EventFile, write_scalars
from cifar_cli.optim.gradient_norm import gradient_norm
from cifar_cli.training.observer import Observer
from cifar_cli.training.state import TrainingState


class LayerStatistics(Observer):
    """Writes groups of curves: a point every `every` steps and, for activations, one before training.

    The groups are activations/<layer>/mean, /std and /dead; gradients/<layer>/norm, after clipping; and
    update_ratio/<layer>, the norm of the step's weight update divided by the norm of the weights. Beside them stands
    grad_norm, of all gradients together before clipping.

    Activations are those of `images`, uint8 (B, C, H, W), the same each time; `preprocess` turns images into the
    network's input. So a curve shows changes of the network, not of the batches, and the training step needs no hooks,
    even if it is compiled or runs in several processes.
    """

    def __init__(
        self, events: EventFile, *, images: Tensor, preprocess: Callable[[Tensor], Tensor], every: int
    ) -> None:
        self._events = events
        self._images = images
        self._preprocess = preprocess
        self._every = every
        self._weights_before: dict[str, Tensor] = {}

    def training_started(self, state: TrainingState) -> None:
        if state.progress.step == 0:
            self._write(_activations(state.model, self._preprocess(self._images)), step=0)
        self._copy_weights_if_due(state)

    def step_ended(self, state: TrainingState) -> None:
        if state.progress.step % self._every == 0:
            gradients = {f"gradients/{layer}/norm": norm for layer, norm in gradient_figures(state.model).items()}
            updates = update_figures(state.model, self._weights_before)
            ratios = {f"update_ratio/{layer}": ratio for layer, ratio in updates.items()}
            activations = _activations(state.model, self._preprocess(self._images))
            norm = {"grad_norm": gradient_norm(state.optimizer)}
            self._write(activations | gradients | norm | ratios, step=state.progress.step)
            self._weights_before = {}
        self._copy_weights_if_due(state)

    def _copy_weights_if_due(self, state: TrainingState) -> None:
        """Copies the weights if the next step is written. A copy takes less time than a step's smallest layer."""
        if (state.progress.step + 1) % self._every == 0:
            self._weights_before = copied_weights(state.model)

    def _write(self, figures: dict[str, Tensor], *, step: int) -> None:
        with self._events.writing() as writer:
            write_scalars(writer, to_numbers(figures), step=step)


def _activations(model: nn.Module, inputs: Tensor) -> dict[str, Tensor]:
    return {f"activations/{name}": figure for name, figure in activation_figures(model, inputs).items()}
