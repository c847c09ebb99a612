"""What `cifar visualize-layer` looks at: a network, one of its layers, and images. Knows nothing of drawing."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor, nn

from cifar_cli.analysis.call_order import layers_of_scores
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


@dataclass(frozen=True)
class LayerInspection:
    """A network to look at. opened and experiment differ where other images had to do than the configuration asks for.

    layer: its name; empty where all are looked at; count: how many images are asked for, None for the picture's own
    number; prepare: makes of uint8 images what the network takes.
    """

    opened: LoadedModel
    experiment: Experiment
    splits: Splits
    prepare: Callable[[Tensor], Tensor]
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
        """Where a picture of held-out images comes from."""
        kind = "validation" if self.splits.val else "training"
        return f"{self.opened.source}, on {self.experiment.data.name} {kind} images"

    @property
    def class_names(self) -> tuple[str, ...]:
        return self.splits.test.class_names

    def receptive_fields(self, *layers: str) -> dict[str, ReceptiveField]:
        """Returns what layers see of an image, without those of which that is not known."""
        return receptive_fields(self.model, self.prepare(self.many(1)), layers=layers)

    def pictured(self, count: int) -> ImageSet:
        """Returns the first held-out images: as many as were asked for, else `count`."""
        return sample_images(self.splits, self.count or count)

    def many(self, count: int) -> Tensor:
        """Returns more of the held-out images, uint8 (N, C, H, W), for figures and not for pictures."""
        return sample_images(self.splits, count).images

    def names_of_values(self, layer: str) -> Sequence[str]:
        """Returns the class names where a layer's values may be the classes' scores, none where they are hidden."""
        return self.class_names if layer in layers_of_scores(self.model, self.prepare(self.many(1))) else ()

    def names(self, labels: Tensor) -> list[str]:
        """Returns the classes' names for labels, int64 (B,)."""
        return [self.class_names[label] for label in labels.tolist()]

    def predictions(self, images: Tensor) -> list[str] | None:
        """Returns the predicted classes' names for uint8 images, None for an untrained network, whose are chance."""
        if not self.is_trained:
            return None
        with eval_mode(self.model), torch.inference_mode():
            return self.names(self.model(self.prepare(images)).argmax(dim=1))

    def before_training(self) -> "LayerInspection":
        """Returns the same network as it was before its training: its weights are drawn again from its seed."""
        model = build_model(self.opened.experiment)
        initialize(model, self.experiment, self.splits, CPU)
        return replace(self, opened=replace(self.opened, model=model, checkpoint=None, epoch=0, step=0))
