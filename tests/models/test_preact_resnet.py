"""The pre-activation network: its blocks by the paper's formula."""

import torch
from torch.nn import functional as F

from cifar_cli.models.preact_resnet import PreActResidual, PreActResNet


def test_a_block_adds_twice_normalized_activated_and_convolved_images_to_its_input() -> None:
    torch.manual_seed(0)
    block, images = PreActResidual(4, 4, stride=1), torch.randn(5, 4, 6, 6)
    residual = images
    for conv in (block.conv1, block.conv2):
        normalized = F.batch_norm(residual, None, None, training=True)
        residual = F.conv2d(normalized.clamp(min=0), conv.weight, padding=1)
    assert torch.allclose(block(images), images + residual, atol=1e-5)


def test_a_shortcut_with_a_convolution_reads_the_activated_input() -> None:
    torch.manual_seed(0)
    block, images = PreActResidual(4, 6, stride=2), torch.randn(5, 4, 7, 7)
    with torch.no_grad():
        block.conv2.weight.zero_()
    activated = F.batch_norm(images, None, None, training=True).clamp(min=0)[:, :, ::2, ::2]
    expected = torch.einsum("bchw,oc->bohw", activated, block.shortcut.weight[:, :, 0, 0])
    assert torch.allclose(block(images), expected, atol=1e-5)


def test_batch_norm_and_relu_follow_the_last_block() -> None:
    model = PreActResNet(image_shape=(3, 32, 32), num_classes=10, width=4, blocks=(1,)).eval()
    with torch.no_grad():
        model.norm.bias.fill_(-100.0)  # ReLU leaves nothing: the logits are the bias of the last layer
    assert torch.equal(model(torch.randn(2, 3, 8, 8)), model.fc.bias.expand(2, -1))
