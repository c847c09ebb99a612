"""Looks at the same images in several ways and averages what a network says. Knows nothing of labels or accuracy.

This is test-time augmentation: a mirrored cat is the same cat, and the mean of two answers errs less often than one.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

Network = Callable[[Tensor], Tensor]
"""Gives logits (B, K) for images (B, C, H, W)."""

TestTimeAugmentation = Callable[[Network, Tensor, Tensor], Tensor]
"""Gives mean logits (B, K) for a network, images (B, C, H, W) and the network's logits (B, K) for them as they are."""


def mirror(network: Network, images: Tensor, logits: Tensor) -> Tensor:
    """Returns the mean over each image and its mirror image: one more pass."""
    return (logits + network(images.flip(-1))) / 2


def mirror_translate(network: Network, images: Tensor, logits: Tensor) -> Tensor:
    """Returns ½ of the image and ¼ each of it one pixel up and left, and down and right, each with its mirror image.

    What comes in at the border is its reflection. Five more passes. From airbench (Jordan 2024, arXiv:2404.00498).
    """
    height, width = images.shape[-2:]
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect")  # (B, C, H + 2, W + 2)
    first, second = padded[..., :height, :width], padded[..., 2:, 2:]
    shifted = (mirror(network, first, network(first)) + mirror(network, second, network(second))) / 2
    return (mirror(network, images, logits) + shifted) / 2


TTA: Mapping[str, TestTimeAugmentation | None] = {"none": None, "mirror": mirror, "mirror_translate": mirror_translate}


def least_confident(logits: Tensor, share: float) -> Tensor:
    """Returns bool (N,), true for that share of the images, rounded up, whose most probable class is least probable.

    logits: (N, K); share in (0, 1].
    """
    surest = logits.softmax(dim=1).amax(dim=1)  # (N,)
    chosen = torch.zeros_like(surest, dtype=torch.bool)
    # A stable order, so that equal images are chosen by their place and every run chooses the same.
    chosen[surest.argsort(stable=True)[: math.ceil(len(logits) * share)]] = True
    return chosen
