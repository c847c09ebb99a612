"""ConvMixer: the image in patches, then filters over positions and over channels in turn.

Source: Trockman and Kolter, "Patches Are All You Need?", arXiv:2201.09792. 256 channels, 8 blocks, patches of 2×2
pixels and 5×5 filters are what its authors' program for CIFAR-10 has, https://github.com/locuslab/convmixer-cifar10.
"""

from torch import Tensor, nn


class MixerBlock(nn.Module):
    """A convolution of each channel by itself, added to its input, and a 1×1 convolution, each with GELU and BatchNorm.

    Input and output (B, width, H, W).
    """

    def __init__(self, width: int, *, kernel_size: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv2d(width, width, kernel_size, groups=width, padding="same")
        self.gelu1 = nn.GELU()
        self.norm1 = nn.BatchNorm2d(width)
        self.pointwise = nn.Conv2d(width, width, kernel_size=1)
        self.gelu2 = nn.GELU()
        self.norm2 = nn.BatchNorm2d(width)

    def forward(self, patches: Tensor) -> Tensor:
        patches = patches + self.norm1(self.gelu1(self.depthwise(patches)))
        mixed: Tensor = self.norm2(self.gelu2(self.pointwise(patches)))
        return mixed


class ConvMixer(nn.Module):
    """A convolution that turns each patch into `width` channels, `depth` blocks, the mean over the patches, and Linear.

    Input: images (B, *image_shape) with sides of `patch_size` pixels or more; output: logits (B, num_classes).
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        width: int = 256,
        depth: int = 8,
        patch_size: int = 2,
        kernel_size: int = 5,
    ) -> None:
        super().__init__()
        self.patches = nn.Conv2d(image_shape[0], width, kernel_size=patch_size, stride=patch_size)
        self.gelu = nn.GELU()
        self.norm = nn.BatchNorm2d(width)
        self.blocks = nn.Sequential(*(MixerBlock(width, kernel_size=kernel_size) for _ in range(depth)))
        self.pool = nn.AdaptiveAvgPool2d(1)
        self.flatten = nn.Flatten()
        self.fc = nn.Linear(width, num_classes)

    def forward(self, images: Tensor) -> Tensor:
        patches = self.norm(self.gelu(self.patches(images)))  # (B, width, H / patch_size, W / patch_size)
        patches = self.blocks(patches)
        pooled = self.flatten(self.pool(patches))  # (B, width)
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits
