"""TensorBoard's pictures of layers: which are written, under which tags, and that they are the grids."""

import torch
from torch import Tensor, nn

from cifar_cli.analysis.capture import capture_views
from cifar_cli.figures.grids import feature_grid, filter_grid
from cifar_cli.observers.layer_images import write_layer_images


class Written:
    """Keeps what a SummaryWriter would write."""

    def __init__(self) -> None:
        self.images: dict[str, tuple[Tensor, int]] = {}

    def add_image(self, tag: str, picture: Tensor, step: int) -> None:
        self.images[tag] = (picture, step)


def test_every_layer_has_its_features_and_a_convolution_its_filters() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), nn.ReLU())
    images = torch.randint(0, 256, (2, 3, 8, 8), dtype=torch.uint8)
    views = capture_views(model, images.float(), layers=["0", "1"])
    written = Written()
    write_layer_images(written, views, images=images, step=7)  # type: ignore[arg-type]
    assert set(written.images) == {"features/0", "filters/0", "features/1"}
    assert {step for _, step in written.images.values()} == {7}
    assert torch.equal(written.images["features/1"][0], feature_grid(model(images.float()), images=images))
    assert torch.equal(written.images["filters/0"][0], filter_grid(model[0].weight))
