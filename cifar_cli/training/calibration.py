"""Calibration: how far a network's probabilities are to be trusted, and the temperature that mends them.

Guo et al., "On Calibration of Modern Neural Networks", arXiv:1706.04599.
"""

from dataclasses import dataclass

import torch
from torch import Tensor

BINS = 15  # as in the paper
DOUBTFUL_FRACTION = 0.05  # of the images that a network is calibrated on
LEAST_IMAGES = 100  # of fewer, one in twenty is chance, and a network that is right on all asks for the coldest
COLDEST, HOTTEST = 0.01, 100.0


@dataclass(frozen=True)
class Calibration:
    """What held-out images say of a network's probabilities.

    temperature: the logits are divided by it before the softmax. doubtful_below: the largest probability of one in
    twenty of the images is less. images: their number.
    """

    temperature: float
    doubtful_below: float
    images: int


def calibrate(logits: Tensor, labels: Tensor) -> Calibration:
    """Returns the calibration by logits (N, K) of held-out images and their labels (N,)."""
    temperature = fit_temperature(logits, labels)
    largest = probabilities_at(temperature, logits).amax(dim=1)
    return Calibration(temperature, float(largest.quantile(DOUBTFUL_FRACTION)), len(labels))


def probabilities_at(temperature: float, logits: Tensor) -> Tensor:
    """Returns softmax(logits / temperature), float64 (N, K)."""
    return (logits.double().cpu() / temperature).softmax(dim=1)


def fit_temperature(logits: Tensor, labels: Tensor) -> float:
    """Returns the temperature of the least cross-entropy of logits (N, K) with labels (N,), from 0.01 to 100.

    The cross-entropy is convex in 1 / temperature; its derivative is the mean over the images of the expected logit
    less the label's logit. The root is found by halving.
    """
    logits, labels = logits.double().cpu(), labels.cpu()
    wanted = logits.gather(1, labels[:, None]).mean()
    low, high = 1 / HOTTEST, 1 / COLDEST
    for _ in range(60):  # halvings: more than a float has binary digits
        middle = (low + high) / 2
        expected = (probabilities_at(1 / middle, logits) * logits).sum(dim=1).mean()
        low, high = (low, middle) if expected > wanted else (middle, high)
    return 2 / (low + high)


def expected_calibration_error(probabilities: Tensor, labels: Tensor, *, bins: int = BINS) -> float:
    """Returns the mean over all images of |accuracy − confidence| of the image's bin.

    probabilities: (N, K); the confidence is the largest, and the bins divide (0, 1] evenly.
    """
    confidence, predicted = probabilities.double().cpu().max(dim=1)
    right = (predicted == labels.cpu()).double()
    bin_of = (confidence * bins).ceil().long().clamp(1, bins) - 1
    gaps = torch.zeros(bins, dtype=torch.float64).index_add_(0, bin_of, right - confidence)
    return float(gaps.abs().sum()) / len(labels)
