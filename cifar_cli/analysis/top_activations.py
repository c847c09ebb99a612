"""Finds the images with the largest values of each unit of a layer, and the positions of these values."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from cifar_cli.analysis.capture import as_maps, capture

BATCH_SIZE = 250


@dataclass(frozen=True)
class TopActivations:
    """For each unit, a channel or a value of a vector, the images with its largest values, the largest first.

    values: float32 (C, K); images: int64 (C, K), indices of images; rows, columns: int64 (C, K), the position of the
    value in the output, 0 for vectors.
    """

    values: Tensor
    images: Tensor
    rows: Tensor
    columns: Tensor


def top_activations(
    model: nn.Module,
    images: Tensor,
    *,
    layer: str,
    preprocess: Callable[[Tensor], Tensor],
    per_unit: int,
    max_units: int,
) -> TopActivations:
    """Returns the `per_unit` of the images, uint8 (N, C, H, W), with the largest values of each unit.

    The units are the layer's first `max_units`. preprocess turns images into the network's input. A unit's value for an
    image is its largest value over all positions; of equal values, the earlier image and the upper left position count.
    """
    peaks, positions, width = [], [], 1
    for batch in images.split(BATCH_SIZE):
        output = capture(model, preprocess(batch), layer=layer).output
        maps = as_maps(output)
        width = maps.shape[3] if maps is not None else 1
        flat = maps.flatten(2) if maps is not None else output.flatten(1)[:, :, None]
        values = flat[:, :max_units].float().cpu().nan_to_num()  # (B, C, positions)
        peaks.append(values.amax(dim=2))
        # argmax may return any of several equal positions; this is the first.
        is_peak = values == peaks[-1][:, :, None]
        positions.append(torch.where(is_peak, torch.arange(values.shape[2]), values.shape[2]).amin(dim=2))
    by_unit, position_by_unit = torch.cat(peaks).T, torch.cat(positions).T  # (C, N)
    order = by_unit.argsort(dim=1, descending=True, stable=True)[:, :per_unit]  # (C, K)
    chosen_positions = position_by_unit.gather(1, order)
    return TopActivations(by_unit.gather(1, order), order, chosen_positions // width, chosen_positions % width)
