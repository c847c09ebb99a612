"""What goes into the last linear layer, against the layers called one by one."""

import torch
from torch import nn

from cifar_cli.analysis.embedding import embed


def test_the_vectors_are_what_the_last_linear_layer_is_given() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Flatten(), nn.Linear(12, 5), nn.ReLU(), nn.Dropout(0.5), nn.Linear(5, 3))
    images = torch.randn(4, 3, 2, 2)
    vectors, logits = embed(model, images)
    hidden = model[1](images.flatten(1)).relu()
    assert torch.equal(vectors, hidden)
    assert torch.equal(logits, model[4](hidden))
    assert all(module.training for module in model.modules())
    assert not any(module._forward_pre_hooks for module in model.modules())


def test_without_a_linear_layer_the_logits_stand_for_both() -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 2), nn.Flatten())
    vectors, logits = embed(model, torch.ones(2, 3, 2, 2))
    assert torch.equal(vectors, logits)
    assert vectors.shape == (2, 4)
