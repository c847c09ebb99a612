"""ConvMixer against the program in the paper's appendix, which its authors' program for CIFAR-10 has too."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.models.convmixer import ConvMixer


class Plus(nn.Sequential):
    def forward(self, images: Tensor) -> Tensor:
        return self[0](images) + images


def papers_network(width: int, depth: int, kernel_size: int, patch_size: int) -> nn.Sequential:
    """Returns the network as the paper's appendix writes it, in a few lines."""

    def activated(layer: nn.Module) -> nn.Sequential:
        return nn.Sequential(layer, nn.GELU(), nn.BatchNorm2d(width))

    blocks = []
    for _ in range(depth):
        depthwise = nn.Conv2d(width, width, kernel_size, groups=width, padding=kernel_size // 2)
        blocks += [Plus(activated(depthwise)), activated(nn.Conv2d(width, width, 1))]
    patches = activated(nn.Conv2d(3, width, patch_size, patch_size))
    return nn.Sequential(patches, *blocks, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(width, 10))


@pytest.mark.parametrize(("kernel_size", "patch_size"), [(5, 2), (9, 1)])
def test_it_computes_what_the_papers_program_computes(
    kernel_size: int, patch_size: int, assert_same_function: Callable[..., None]
) -> None:
    sizes = {"width": 16, "depth": 2, "kernel_size": kernel_size, "patch_size": patch_size}
    model = ConvMixer(image_shape=(3, 32, 32), num_classes=10, **sizes)
    assert_same_function(model, papers_network(**sizes), torch.randn(2, 3, 12, 12))
