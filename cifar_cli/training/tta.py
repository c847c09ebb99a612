"""Test-time augmentation: averages a network's logits over several views of an image.

A mirrored cat is the same cat, and the mean of two predictions is wrong less often than one.
"""

import math
from collections.abc import Callable, Mapping

import torch
from torch import Tensor
from torch.nn import functional as F

Network = Callable[[Tensor], Tensor]
"""Returns logits (B, K) for images (B, C, H, W)."""

TestTimeAugmentation = Callable[[Network, Tensor, Tensor], Tensor]
"""Returns mean logits (B, K) for a network, images (B, C, H, W) and the logits (B, K) of the unchanged images."""


def mirror(network: Network, images: Tensor, logits: Tensor) -> Tensor:
    """Returns the mean logits of each image and its mirror image: one more forward pass."""
    return (logits + network(images.flip(-1))) / 2


def mirror_translate(network: Network, images: Tensor, logits: Tensor) -> Tensor:
    """Returns ½ of the image's logits and ¼ of each of two translations', all three averaged with their mirror images.

    The translations are by one pixel, up and left, and down and right; reflection fills the border. Five more forward
    passes. Source: airbench (Jordan 2024, arXiv:2404.00498).
    """
    height, width = images.shape[-2:]
    padded = F.pad(images, (1, 1, 1, 1), mode="reflect")  # (B, C, H + 2, W + 2)
    first, second = padded[..., :height, :width], padded[..., 2:, 2:]
    translated = (mirror(network, first, network(first)) + mirror(network, second, network(second))) / 2
    return (mirror(network, images, logits) + translated) / 2


TTA: Mapping[str, TestTimeAugmentation | None] = {"none": None, "mirror": mirror, "mirror_translate": mirror_translate}


def least_confident(logits: Tensor, fraction: float) -> Tensor:
    """Returns bool (N,): true for the fraction of the images with the smallest probability of the predicted class.

    logits: (N, K); fraction in (0, 1], of which the number of images is rounded up.
    """
    confidence = logits.softmax(dim=1).amax(dim=1)  # (N,)
    is_chosen = torch.zeros_like(confidence, dtype=torch.bool)
    # stable: of equally confident images the first are chosen, in every run.
    is_chosen[confidence.argsort(stable=True)[: math.ceil(len(logits) * fraction)]] = True
    return is_chosen
