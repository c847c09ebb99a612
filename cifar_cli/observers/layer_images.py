"""TensorBoard's pictures of layers, as a training writes them each epoch and `cifar visualize-layer` on request."""

from collections.abc import Mapping

from torch import Tensor, nn
from torch.utils.tensorboard import SummaryWriter

from cifar_cli.analysis.capture import LayerView
from cifar_cli.figures.grids import feature_grid, filter_grid


def write_layer_images(writer: SummaryWriter, views: Mapping[str, LayerView], *, images: Tensor, step: int) -> None:
    """Writes each layer's output for the images, uint8 (B, C, H, W), and a convolution's filters, at a step."""
    for layer, view in views.items():
        writer.add_image(f"features/{layer}", feature_grid(view.output, images=images), step)
        if isinstance(view.module, nn.Conv2d):
            writer.add_image(f"filters/{layer}", filter_grid(view.module.weight), step)
