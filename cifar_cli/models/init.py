"""Initializations of weights, in place; other layers keep torch's own initialization."""

import math

import torch
from torch import Tensor, nn

IMAGES_AT_A_TIME = 500  # all patches of 5000 images, in float64, would be 1.2 GiB


@torch.no_grad()
def dirac_init_(model: nn.Module) -> None:
    """Makes the first `in_channels` filters of each convolution return their input channel unchanged.

    Applies to ungrouped convolutions that keep the feature map's size and have at least as many output channels as
    input channels. The other filters stay random. Source: dirac initialization in Zagoruyko and Komodakis,
    arXiv:1706.00388.
    """
    for layer in model.modules():
        if isinstance(layer, nn.Conv2d) and _keeps_size(layer) and layer.out_channels >= layer.in_channels:
            channels = torch.arange(layer.in_channels, device=layer.weight.device)
            rows, columns = (size // 2 for size in layer.kernel_size)
            # Not torch's dirac_, which sets one value at a time: on a GPU, each is a launch of its own.
            layer.weight[: layer.in_channels] = 0
            layer.weight[channels, channels, rows, columns] = 1


@torch.no_grad()
def unit_std_init_(layer: nn.Linear | nn.Conv2d) -> None:
    """Scales the layer's weights to a standard deviation of 1."""
    layer.weight /= layer.weight.std()


@torch.no_grad()
def whitening_init_(layer: nn.Conv2d, images: Tensor, *, eps: float = 5e-4) -> None:
    """Makes a convolution whiten the patches of its input; sets the bias to zero.

    images: float (B, C, H, W), preprocessed as for the network. The layer has 2·C·k·k filters. The first C·k·k filters
    are the eigenvectors of the second moment of the images' patches, largest eigenvalue first, each divided by
    √(eigenvalue + eps): over the images, the mean product of two outputs is 0 and each mean square just below 1. The
    other filters are the negatives. Source: Page, "How to train your ResNet", 2018; arXiv:2404.00498.
    """
    moment = _second_moment_of_patches(images, layer.kernel_size)
    eigenvalues, eigenvectors = torch.linalg.eigh(moment)  # ascending; columns
    directions = (eigenvectors / (eigenvalues + eps).sqrt()).flip(1).T  # (C·k·k, C·k·k), a filter a row
    layer.weight.copy_(torch.cat((directions, -directions)).view_as(layer.weight))
    if layer.bias is not None:
        layer.bias.zero_()


def _second_moment_of_patches(images: Tensor, kernel_size: tuple[int, ...]) -> Tensor:
    """Returns the mean product of every two values of a patch, float64 (C·k·k, C·k·k)."""
    if images.device.type == "mps":  # MPS has no float64
        images = images.cpu()
    size = images.shape[1] * math.prod(kernel_size)
    products, count = images.new_zeros(size, size, dtype=torch.float64), 0
    for chunk in images.split(IMAGES_AT_A_TIME):
        # Tensor.unfold makes views; nn.functional.unfold is much slower on a busy machine.
        patches = chunk.double().unfold(2, kernel_size[0], 1).unfold(3, kernel_size[1], 1)  # (B, C, H', W', k, k)
        columns = patches.permute(1, 4, 5, 0, 2, 3).reshape(size, -1)  # (C·k·k, patches)
        products += columns @ columns.T
        count += columns.shape[1]
    return products / count


def can_whiten(layer: nn.Module) -> bool:
    """Returns whether the layer is a convolution with the 2·C·k·k filters that `whitening_init_` needs."""
    return isinstance(layer, nn.Conv2d) and len(layer.weight) == 2 * layer.weight[0].numel()


def _keeps_size(layer: nn.Conv2d) -> bool:
    """Returns whether an ungrouped convolution returns feature maps of its input's size."""
    is_centred = all(
        padding == "same" or 2 * padding == kernel - 1
        for padding, kernel in zip(_padding_of(layer), layer.kernel_size, strict=True)
    )
    return is_centred and layer.stride == (1, 1) and layer.dilation == (1, 1) and layer.groups == 1


def _padding_of(layer: nn.Conv2d) -> tuple[int | str, ...]:
    return (layer.padding, layer.padding) if isinstance(layer.padding, str) else layer.padding
