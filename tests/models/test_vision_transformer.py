"""The transformers: vit_tiny against torchvision's, attention against torch's, and stochastic depth."""

from collections.abc import Callable

import pytest
import torch
from torch import nn
from torchvision.models import VisionTransformer as TorchvisionTransformer

from cifar_cli.models.vision_transformer import (
    CompactTransformer,
    DropPath,
    EncoderBlock,
    SelfAttention,
    VisionTransformer,
)


def test_vit_computes_what_torchvisions_computes(assert_same_function: Callable[..., None]) -> None:
    torch.manual_seed(0)
    reference = TorchvisionTransformer(
        image_size=16, patch_size=4, num_layers=3, num_heads=3, hidden_dim=24, mlp_dim=96, num_classes=10
    )
    nn.init.normal_(reference.heads.head.weight)
    for layer in reference.modules():
        if isinstance(layer, nn.LayerNorm):
            layer.eps = 1e-5  # torch's own default; torchvision has 1e-6
    model = VisionTransformer(image_shape=(3, 16, 16), num_classes=10, width=24, depth=3, heads=3)
    first = ("class_token", "encoder.pos_embedding")
    assert_same_function(model, reference, torch.randn(2, 3, 16, 16), first=first)


@pytest.mark.parametrize("bias", [True, False])
def test_attention_is_torchs(bias: bool, assert_same_function: Callable[..., None]) -> None:
    torch.manual_seed(0)
    reference = nn.MultiheadAttention(12, 3, batch_first=True).eval()
    model = SelfAttention(12, heads=3, bias=bias, attention_dropout=0.0, dropout=0.0)
    with torch.no_grad():
        reference.in_proj_weight.copy_(model.qkv.weight)
        reference.in_proj_bias.copy_(model.qkv.bias if bias else torch.zeros(36))
        reference.out_proj.weight.copy_(model.proj.weight)
        reference.out_proj.bias.copy_(model.proj.bias)
        tokens = torch.randn(2, 5, 12)
        assert torch.allclose(model(tokens), reference(tokens, tokens, tokens)[0], atol=1e-6)


def test_with_a_norm_between_the_second_shortcut_begins_behind_it() -> None:
    torch.manual_seed(0)
    sizes = {"heads": 2, "mlp_ratio": 1, "qkv_bias": False, "attention_dropout": 0.0, "dropout": 0.0, "drop_path": 0.0}
    tokens = torch.randn(2, 5, 8)
    for norm_between in (True, False):
        block = EncoderBlock(8, **sizes, norm_between=norm_between)
        with torch.no_grad():
            block.fc2.weight.zero_()
            block.fc2.bias.zero_()
            attended = tokens + block.attention(block.norm1(tokens))
            expected = torch.nn.functional.layer_norm(attended, (8,)) if norm_between else attended
            assert torch.allclose(block(tokens), expected, atol=1e-6)


def test_a_compact_transformers_tokens_are_weighted_by_the_softmax_of_their_scores() -> None:
    torch.manual_seed(0)
    model = CompactTransformer(image_shape=(3, 8, 8), num_classes=4, width=8, depth=1, heads=2).eval()
    with torch.no_grad():
        nn.init.normal_(model.score.weight)
        images = torch.randn(1, 3, 8, 8)
        tokens = model.pool(model.relu(model.conv(images)))[0].flatten(1).T[None]  # (1, 16, 8)
        tokens = model.norm(model.blocks(tokens + model.positions))[0]
        weights = [float(token @ model.score.weight[0] + model.score.bias) for token in tokens]
        total = sum(torch.tensor(weight).exp() for weight in weights)
        pooled = sum(token * torch.tensor(weight).exp() / total for token, weight in zip(tokens, weights, strict=True))
        assert torch.allclose(model(images)[0], model.fc(pooled), atol=1e-5)


def test_positions_are_as_many_as_tokens_for_odd_sides_too() -> None:
    model = CompactTransformer(image_shape=(1, 9, 7), num_classes=4, width=8, depth=1, heads=2)
    assert model(torch.randn(2, 1, 9, 7)).shape == (2, 4)


# --- stochastic depth -----------------------------------------------------------------------------------------------


def test_a_branch_is_left_out_for_whole_images_and_right_in_the_mean() -> None:
    torch.manual_seed(0)
    branch = torch.ones(20000, 2, 3)
    dropped = DropPath(0.25).train()(branch)
    assert (dropped == dropped[:, :1, :1]).all()  # all numbers of an image or none
    assert dropped.unique().tolist() == pytest.approx([0, 1 / 0.75])
    assert float(dropped.mean()) == pytest.approx(1, abs=0.02)  # four standard deviations


def test_nothing_is_left_out_in_eval_mode() -> None:
    branch = torch.randn(4, 3)
    assert DropPath(0.9).eval()(branch) is branch


@pytest.mark.parametrize("build", [VisionTransformer, CompactTransformer])
def test_the_probability_rises_evenly_from_block_to_block(build: Callable[..., nn.Module]) -> None:
    model = build(image_shape=(3, 8, 8), num_classes=2, width=8, heads=2, depth=5, drop_path=0.2)
    assert [block.drop_path.probability for block in model.blocks] == pytest.approx([0, 0.05, 0.1, 0.15, 0.2])
