"""ShuffleNetV2 against torchvision's without the first stride and pooling."""

from collections.abc import Callable

import pytest
import torch
import torchvision
from torch import nn

from cifar_cli.models.shufflenet_v2 import ShuffleNetV2


# torchvision's sizes of the network ×0.5 and ×1.
@pytest.mark.parametrize(("name", "width"), [("shufflenet_v2_x0_5", 48), ("shufflenet_v2_x1_0", 116)])
def test_it_computes_what_torchvisions_computes(
    name: str, width: int, assert_same_function: Callable[..., None]
) -> None:
    reference = getattr(torchvision.models, name)(num_classes=10)
    reference.conv1[0].stride = (1, 1)
    reference.maxpool = nn.Identity()
    model = ShuffleNetV2(image_shape=(3, 32, 32), num_classes=10, width=width)
    assert_same_function(model, reference, torch.randn(2, 3, 16, 16))
