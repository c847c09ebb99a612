"""Transformers for images: vit_tiny, and cct_7_3x1, which turns the image into tokens by a convolution.

Sources: Dosovitskiy et al., "An Image is Worth 16x16 Words", arXiv:2010.11929; vit_tiny has the sizes of DeiT-Ti in
Touvron et al., arXiv:2012.12877, with patches of 4×4 pixels. Hassani et al., "Escaping the Big Data Paradigm with
Compact Transformers", arXiv:2104.05704. Stochastic depth: Huang et al., arXiv:1603.09382.
"""

import torch
from torch import Tensor, nn
from torch.nn import functional as F

INIT_STD = 0.02


class DropPath(nn.Module):
    """Stochastic depth: in training, sets a branch to 0 for some of the images, and scales it up for the others."""

    def __init__(self, probability: float) -> None:
        super().__init__()
        self.probability = probability

    def forward(self, branch: Tensor) -> Tensor:
        if not self.training or self.probability == 0:
            return branch
        keep = 1 - self.probability
        kept = branch.new_empty(len(branch), *[1] * (branch.dim() - 1)).bernoulli_(keep)  # one draw for each image
        return branch * kept / keep

    def extra_repr(self) -> str:
        return f"probability={self.probability:g}"


class SelfAttention(nn.Module):
    """Every token becomes a mean of all tokens' values, weighted by how well their keys fit its query, in each head.

    Input and output (B, tokens, width).
    """

    def __init__(self, width: int, *, heads: int, bias: bool, attention_dropout: float, dropout: float) -> None:
        super().__init__()
        self.heads = heads
        self.attention_dropout = attention_dropout
        self.qkv = nn.Linear(width, 3 * width, bias=bias)
        self.proj = nn.Linear(width, width)
        self.dropout = nn.Dropout(dropout)

    def forward(self, tokens: Tensor) -> Tensor:
        batch, count, width = tokens.shape
        qkv = self.qkv(tokens).view(batch, count, 3, self.heads, width // self.heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4)  # (B, heads, tokens, width / heads) each
        dropout = self.attention_dropout if self.training else 0.0
        means = F.scaled_dot_product_attention(query, key, value, dropout_p=dropout)
        mixed: Tensor = self.dropout(self.proj(means.transpose(1, 2).reshape(batch, count, width)))
        return mixed


class EncoderBlock(nn.Module):
    """Attention and then a perceptron of each token by itself, each with LayerNorm before and a shortcut around it.

    Input and output (B, tokens, width). With `norm_between`, as in the program of compact transformers, the shortcut of
    the perceptron too begins behind its LayerNorm.
    """

    def __init__(
        self,
        width: int,
        *,
        heads: int,
        mlp_ratio: int,
        qkv_bias: bool,
        attention_dropout: float,
        dropout: float,
        drop_path: float,
        norm_between: bool,
    ) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width)
        self.attention = SelfAttention(
            width, heads=heads, bias=qkv_bias, attention_dropout=attention_dropout, dropout=dropout
        )
        self.norm2 = nn.LayerNorm(width)
        self.fc1 = nn.Linear(width, mlp_ratio * width)
        self.gelu = nn.GELU()
        self.dropout1 = nn.Dropout(dropout)
        self.fc2 = nn.Linear(mlp_ratio * width, width)
        self.dropout2 = nn.Dropout(dropout)
        self.drop_path = DropPath(drop_path)
        self.norm_between = norm_between

    def forward(self, tokens: Tensor) -> Tensor:
        tokens = tokens + self.drop_path(self.attention(self.norm1(tokens)))
        normalized = self.norm2(tokens)
        features = self.dropout2(self.fc2(self.dropout1(self.gelu(self.fc1(normalized)))))  # (B, tokens, width)
        output: Tensor = (normalized if self.norm_between else tokens) + self.drop_path(features)
        return output


class VisionTransformer(nn.Module):
    """Patches and a class token, with learned positions, through `depth` blocks; Linear from the class token.

    Input: images (B, *image_shape), whose sides are multiples of `patch_size`; output: logits (B, num_classes). The
    probability of stochastic depth rises from 0 in the first block to `drop_path` in the last.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        patch_size: int = 4,
        width: int = 192,
        depth: int = 12,
        heads: int = 3,
        mlp_ratio: int = 4,
        dropout: float = 0.0,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        channels, image_height, image_width = image_shape
        count = (image_height // patch_size) * (image_width // patch_size)
        self.patches = nn.Conv2d(channels, width, kernel_size=patch_size, stride=patch_size)
        self.class_token = nn.Parameter(torch.zeros(1, 1, width))
        self.positions = nn.Parameter(torch.zeros(1, count + 1, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(
            *(
                EncoderBlock(
                    width,
                    heads=heads,
                    mlp_ratio=mlp_ratio,
                    qkv_bias=True,
                    attention_dropout=dropout,
                    dropout=dropout,
                    drop_path=drop_path * number / max(depth - 1, 1),
                    norm_between=False,
                )
                for number in range(depth)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.fc = nn.Linear(width, num_classes)
        _init(self)
        nn.init.trunc_normal_(self.class_token, std=INIT_STD)
        nn.init.trunc_normal_(self.positions, std=INIT_STD)

    def forward(self, images: Tensor) -> Tensor:
        tokens = self.patches(images).flatten(2).transpose(1, 2)  # (B, patches, width)
        class_tokens = self.class_token.expand(images.shape[0], -1, -1)  # len(images) would be a constant in an export
        tokens = torch.cat((class_tokens, tokens), dim=1)  # (B, 1 + patches, width)
        tokens = self.blocks(self.dropout(tokens + self.positions))
        logits: Tensor = self.fc(self.norm(tokens)[:, 0])  # (B, num_classes)
        return logits


class CompactTransformer(nn.Module):
    """Tokens from a convolution, with learned positions, through `depth` blocks; Linear from a weighted mean of them.

    Input: images (B, *image_shape); output: logits (B, num_classes). A 3×3 convolution, ReLU and a pooling leave half
    of each side; every position is a token. The weights of the mean are learned, too: the paper's sequence pooling.
    """

    def __init__(
        self,
        *,
        image_shape: tuple[int, int, int],
        num_classes: int,
        width: int = 256,
        depth: int = 7,
        heads: int = 4,
        mlp_ratio: int = 2,
        dropout: float = 0.0,
        attention_dropout: float = 0.1,
        drop_path: float = 0.1,
    ) -> None:
        super().__init__()
        channels, image_height, image_width = image_shape
        count = ((image_height + 1) // 2) * ((image_width + 1) // 2)
        self.conv = nn.Conv2d(channels, width, kernel_size=3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.pool = nn.MaxPool2d(3, stride=2, padding=1)
        self.positions = nn.Parameter(torch.zeros(1, count, width))
        self.dropout = nn.Dropout(dropout)
        self.blocks = nn.Sequential(
            *(
                EncoderBlock(
                    width,
                    heads=heads,
                    mlp_ratio=mlp_ratio,
                    qkv_bias=False,
                    attention_dropout=attention_dropout,
                    dropout=dropout,
                    drop_path=drop_path * number / max(depth - 1, 1),
                    norm_between=True,
                )
                for number in range(depth)
            )
        )
        self.norm = nn.LayerNorm(width)
        self.score = nn.Linear(width, 1)
        self.fc = nn.Linear(width, num_classes)
        _init(self)
        nn.init.kaiming_normal_(self.conv.weight)  # this and the next as in the authors' program
        nn.init.trunc_normal_(self.positions, std=0.2)

    def forward(self, images: Tensor) -> Tensor:
        maps = self.pool(self.relu(self.conv(images)))  # (B, width, H / 2, W / 2)
        tokens = maps.flatten(2).transpose(1, 2)  # (B, tokens, width)
        tokens = self.norm(self.blocks(self.dropout(tokens + self.positions)))
        weights = self.score(tokens).softmax(dim=1)  # (B, tokens, 1), with a sum of 1
        pooled = (weights.transpose(1, 2) @ tokens).squeeze(1)  # (B, width)
        logits: Tensor = self.fc(pooled)  # (B, num_classes)
        return logits


def _init(model: nn.Module) -> None:
    """Draws the weights of linear layers from a narrow normal distribution, as the papers' programs do."""
    for layer in model.modules():
        if isinstance(layer, nn.Linear):
            nn.init.trunc_normal_(layer.weight, std=INIT_STD)
            if layer.bias is not None:
                nn.init.zeros_(layer.bias)
