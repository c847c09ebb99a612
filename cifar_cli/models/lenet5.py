"""LeNet-5 as it is taught today: two convolutions, two poolings, three linear layers.

Source: LeCun et al., "Gradient-Based Learning Applied to Document Recognition", Proceedings of the IEEE 86 (11), 1998,
section II.B. ReLU, the maximum of each window and logits stand for the paper's tanh, trained means and RBF units; every
filter of the second convolution reads all maps.
"""

from collections.abc import Mapping
from typing import ClassVar

from torch import Tensor, nn


class LeNet5(nn.Module):
    """Input: images (B, *image_shape) with sides of 16 pixels or more; output: logits (B, num_classes)."""

    max_pooled: ClassVar[Mapping[str, str]] = {"relu1": "pool1", "relu2": "pool2"}

    def __init__(self, *, image_shape: tuple[int, int, int], num_classes: int) -> None:
        super().__init__()
        channels, height, width = image_shape
        self.conv1 = nn.Conv2d(channels, 6, kernel_size=5)
        self.relu1 = nn.ReLU(inplace=True)
        self.pool1 = nn.MaxPool2d(2)
        self.conv2 = nn.Conv2d(6, 16, kernel_size=5)
        self.relu2 = nn.ReLU(inplace=True)
        self.pool2 = nn.MaxPool2d(2)
        self.flatten = nn.Flatten()
        self.fc1 = nn.Linear(16 * _side_after(height) * _side_after(width), 120)
        self.relu3 = nn.ReLU(inplace=True)
        self.fc2 = nn.Linear(120, 84)
        self.relu4 = nn.ReLU(inplace=True)
        self.fc3 = nn.Linear(84, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        features = self.pool1(self.relu1(self.conv1(images)))  # (B, 6, 14, 14) from 32×32 pixels
        features = self.pool2(self.relu2(self.conv2(features)))  # (B, 16, 5, 5)
        hidden = self.relu3(self.fc1(self.flatten(features)))  # (B, 120)
        hidden = self.relu4(self.fc2(hidden))  # (B, 84)
        logits: Tensor = self.fc3(hidden)  # (B, num_classes)
        return logits


def _side_after(side: int) -> int:
    """Returns the side of the feature map behind two convolutions, which each take 4 pixels away, and two poolings."""
    return ((side - 4) // 2 - 4) // 2
