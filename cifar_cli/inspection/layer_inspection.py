"""A network with one of its layers and images to draw, and the figure that `cifar visualize-layer` draws of them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from matplotlib.figure import Figure
from torch import Tensor, nn

from cifar_cli import formatting
from cifar_cli.analysis.call_order import layers_of_scores
from cifar_cli.analysis.dead_units import UnitSparsity, measure_sparsity
from cifar_cli.analysis.receptive_field import ReceptiveField, receptive_fields
from cifar_cli.builders.build_model import build_model
from cifar_cli.builders.build_training import initialize
from cifar_cli.builders.build_transforms import sample_images
from cifar_cli.builders.load_model import LoadedModel
from cifar_cli.config import Experiment
from cifar_cli.data.datasets.open_dataset import Splits
from cifar_cli.data.image_set import ImageSet
from cifar_cli.models.eval_mode import eval_mode
from cifar_cli.training.runtime import CPU

MEASURED_IMAGES = 1000  # to count zeros in; with a few images a rarely active unit seems dead


@dataclass(frozen=True)
class LayerFigure:
    """A figure, and sentences about its content."""

    figure: Figure
    facts: Sequence[str]


@dataclass(frozen=True)
class LayerInspection:
    """A network to inspect.

    experiment: that of `opened`, with another dataset if a fallback replaces it; preprocess: converts uint8 images to
    the network's input; layer: a name, empty for all layers; count: the number of images, None for the default of the
    figure.
    """

    opened: LoadedModel
    experiment: Experiment
    splits: Splits
    preprocess: Callable[[Tensor], Tensor]
    layer: str
    count: int | None

    @property
    def model(self) -> nn.Module:
        return self.opened.model

    @property
    def is_trained(self) -> bool:
        return self.opened.checkpoint is not None

    @property
    def title(self) -> str:
        """The network and the images, as the title of a figure."""
        split = "validation" if self.splits.val else "training"
        return f"{self.opened.source}, on {self.experiment.data.name} {split} images"

    @property
    def class_names(self) -> tuple[str, ...]:
        """The names of the classes, short enough for a picture."""
        return tuple(map(formatting.shortened, self.splits.test.class_names))

    def receptive_fields(self, *layers: str) -> dict[str, ReceptiveField]:
        """Returns the receptive fields of layers by name, without layers of unknown receptive field."""
        return receptive_fields(self.model, self.preprocess(self.measured_images(1)), layers=layers)

    def sparsities(self, *layers: str) -> dict[str, UnitSparsity]:
        """Returns the zeros and dead units of layers by name, over the measured images."""
        return measure_sparsity(self.model, self.measured_images(), layers=layers, preprocess=self.preprocess)

    def sample_images(self, count: int) -> ImageSet:
        """Returns the first held-out images to draw: the number of the inspection, by default `count`."""
        return sample_images(self.splits, self.count or count)

    def measured_images(self, count: int = MEASURED_IMAGES) -> Tensor:
        """Returns the first held-out images to measure on, uint8 (N, C, H, W), at most `count`."""
        return sample_images(self.splits, count).images

    def names_of_values(self, layer: str) -> Sequence[str]:
        """Returns the class names if the values of a layer may be class scores, none for a hidden layer."""
        return (
            self.class_names if layer in layers_of_scores(self.model, self.preprocess(self.measured_images(1))) else ()
        )

    def names(self, labels: Tensor) -> list[str]:
        """Returns the class name of each label, int64 (B,)."""
        return [self.class_names[label] for label in labels.tolist()]

    def predictions(self, images: Tensor) -> list[str] | None:
        """Returns the predicted class name of each image, uint8; None for an untrained network."""
        if not self.is_trained:
            return None
        with eval_mode(self.model), torch.inference_mode():
            return self.names(self.model(self.preprocess(images)).argmax(dim=1))

    def before_training(self) -> "LayerInspection":
        """Returns the same network before training, with weights drawn from the same seed."""
        model = build_model(self.opened.experiment)
        initialize(model, self.experiment, self.splits, CPU)
        return replace(self, opened=replace(self.opened, model=model, checkpoint=None, epoch=0, step=0))
