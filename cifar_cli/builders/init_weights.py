"""Initializes a network's weights as a configuration's `init` says, beyond the layers' own initialization."""

from collections.abc import Callable

from torch import Tensor, nn

from cifar_cli.analysis.capture import find_layer
from cifar_cli.config import InitKeys
from cifar_cli.data.image_set import ImageSet
from cifar_cli.errors import UsageError
from cifar_cli.models.init import can_whiten, dirac_init_, unit_std_init_, whitening_init_

WHITENING_IMAGES = 5000  # enough for twelve directions; all 50,000 change the third digit


def check_init_layers(model: nn.Module, init: InitKeys) -> None:
    """Raises UsageError if `init` names a layer that the network does not have, or one of the wrong type or size."""
    if init.whiten is not None:
        _whitening_layer(model, init.whiten)
    if init.unit_std is not None:
        _weighted_layer(model, init.unit_std)


def init_weights(model: nn.Module, init: InitKeys, *, images: ImageSet, preprocess: Callable[[Tensor], Tensor]) -> None:
    """Changes the weights of a new network in place. Raises UsageError like check_init_layers.

    images: the training images. preprocess: turns uint8 images into the network's input.
    """
    if init.dirac:
        dirac_init_(model)
    if init.whiten is not None:
        whitening_init_(_whitening_layer(model, init.whiten), preprocess(images.images[:WHITENING_IMAGES]))
    if init.unit_std is not None:
        unit_std_init_(_weighted_layer(model, init.unit_std))


def _whitening_layer(model: nn.Module, name: str) -> nn.Conv2d:
    layer = find_layer(model, name)
    if isinstance(layer, nn.Conv2d) and can_whiten(layer):
        return layer
    if not isinstance(layer, nn.Conv2d):
        raise UsageError(f"init.whiten: expected a Conv2d, found {name}, {type(layer).__name__}; name a convolution")
    needed = 2 * layer.weight[0].numel()
    raise UsageError(
        f"init.whiten: expected a filter for each of a patch's {needed // 2} directions and its opposite, found "
        f"{layer.out_channels} in {name}; give it {needed} out_channels"
    )


def _weighted_layer(model: nn.Module, name: str) -> nn.Linear | nn.Conv2d:
    layer = find_layer(model, name)
    if not isinstance(layer, nn.Linear | nn.Conv2d):
        raise UsageError(
            f"init.unit_std: expected a Linear or Conv2d, found {name}, {type(layer).__name__}; name such a layer"
        )
    return layer
