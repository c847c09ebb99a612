"""Which convolutions are computed in another way, and that nothing else changes."""

import pytest
import torch
from torch import nn

from cifar_cli.training import fast_convolutions
from cifar_cli.training.fast_convolutions import FastConv2d, speed_up_convolutions


def convolution(channels: int = 64, out_channels: int = 256, **settings: object) -> nn.Conv2d:
    return nn.Conv2d(channels, out_channels, **{"kernel_size": 3, "padding": 1, **settings})  # type: ignore[arg-type]


@pytest.fixture
def taken(monkeypatch: pytest.MonkeyPatch) -> list[torch.Size]:
    """The shapes of the inputs that went the fast way."""
    shapes: list[torch.Size] = []
    original = fast_convolutions.convolution3x3

    def noted(images: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
        shapes.append(images.shape)
        return original(images, weight)

    monkeypatch.setattr(fast_convolutions, "convolution3x3", noted)
    return shapes


def test_it_keeps_the_tensors_their_names_and_the_random_numbers() -> None:
    model = nn.Sequential(convolution(), nn.Sequential(convolution(256, bias=False), nn.ReLU())).eval()
    before = dict(model.state_dict(keep_vars=True))
    torch.manual_seed(0)
    number = torch.rand(1)
    torch.manual_seed(0)
    after = speed_up_convolutions(model).state_dict(keep_vars=True)
    assert torch.equal(torch.rand(1), number)
    assert isinstance(model[0], FastConv2d)
    assert isinstance(model[1][0], FastConv2d)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert not model[1][0].training


@pytest.mark.parametrize(
    "other",
    [
        convolution(32),
        convolution(out_channels=128),
        convolution(kernel_size=5, padding=2),
        convolution(stride=2),
        convolution(padding=0),
        convolution(dilation=2, padding=2),
        convolution(groups=2),
        convolution(padding_mode="reflect"),
        convolution(padding="same"),
    ],
    ids=str,
)
def test_a_convolution_that_would_not_gain_is_left_alone(other: nn.Conv2d) -> None:
    assert speed_up_convolutions(nn.Sequential(other))[0] is other


def test_it_trains_as_torchs_convolution_does(taken: list[torch.Size]) -> None:
    images = torch.randn(64, 64, 3, 3, generator=torch.Generator().manual_seed(0))
    torch.manual_seed(0)
    plain = convolution()
    fast = FastConv2d(plain)
    weights = (plain.weight, plain.bias)
    of_plain, of_fast = (torch.autograd.grad(layer(images).square().sum(), weights) for layer in (plain, fast))
    assert taken == [images.shape]
    # The sums are over 576 pixels, of numbers about 1.
    torch.testing.assert_close(of_fast, of_plain, rtol=1e-4, atol=5e-3)


def test_what_does_not_gain_is_computed_by_torch_to_the_bit(taken: list[torch.Size]) -> None:
    plain = convolution()
    fast = FastConv2d(plain)
    batch = torch.randn(64, 64, 3, 3, generator=torch.Generator().manual_seed(0))
    assert torch.equal(fast.eval()(batch), plain(batch))
    fast.train()
    with torch.no_grad():
        assert torch.equal(fast(batch), plain(batch))
    with torch.autocast("cpu", torch.bfloat16):
        assert torch.equal(fast(batch), plain(batch))
    for other in (batch[:63], batch[0], batch[:, :, :1].expand(-1, -1, 16, -1)):
        assert torch.equal(fast(other), plain(other))
    assert torch.equal(fast.double()(batch.double()), plain.double()(batch.double()))
    assert taken == []
