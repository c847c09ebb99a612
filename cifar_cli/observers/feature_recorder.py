"""Records layers over time as arrays in the run folder, for `cifar visualize-layer LAYER --over-time`."""

from collections.abc import Callable, Sequence

from torch import Tensor, nn

from cifar_cli.analysis.capture import as_maps, capture_views
from cifar_cli.figures.grids import MAX_CHANNELS, MAX_FILTERS, MAX_INPUTS
from cifar_cli.observers.event_file import capped_interval
from cifar_cli.runs.recorded_features import RecordedLayer, remove_recorded_after, write_recorded_layers
from cifar_cli.runs.run_folder import RunFolder
from cifar_cli.training.observer import EpochReport, Observer
from cifar_cli.training.state import TrainingState


class FeatureRecorder(Observer):
    """Writes each of `layers` before training and every `every` epochs, at the same steps as TensorBoard's images.

    image: uint8 (1, C, H, W), always the same. preprocess: turns the image into the network's input. A resumed training
    replaces the files of the steps that it takes again.
    """

    def __init__(
        self,
        run: RunFolder,
        *,
        image: Tensor,
        preprocess: Callable[[Tensor], Tensor],
        layers: Sequence[str],
        every: int,
        epochs: int,
    ) -> None:
        self._folder = run.features
        self._image = image
        self._preprocess = preprocess
        self._layers = layers
        self._every = capped_interval(every, epochs=epochs) if layers else 0

    def training_started(self, state: TrainingState) -> None:
        remove_recorded_after(self._folder, state.progress.step)
        if self._every and state.progress.step == 0:
            self._write(state.model, step=0)

    def epoch_ended(self, state: TrainingState, report: EpochReport) -> None:
        if self._every and report.epoch % self._every == 0:
            self._write(state.model, step=report.step)

    def _write(self, model: nn.Module, *, step: int) -> None:
        views = capture_views(model, self._preprocess(self._image), layers=self._layers)
        layers = {name: RecordedLayer(_features(view.output), _filters(view.module)) for name, view in views.items()}
        write_recorded_layers(self._folder, layers, step=step)


def _features(output: Tensor) -> Tensor:
    """Returns as many channels (C, H, W) of an output (1, C, H, W) as TensorBoard shows; (F,) of any other output."""
    maps = as_maps(output)
    return output[0].flatten() if maps is None else maps[0, :MAX_CHANNELS]


def _filters(module: nn.Module) -> Tensor | None:
    return module.weight[:MAX_FILTERS, :MAX_INPUTS] if isinstance(module, nn.Conv2d) else None
