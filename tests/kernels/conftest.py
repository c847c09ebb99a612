"""Random convolutions, the values and gradients of any function that computes one, and calls of a native kernel."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from cifar_cli.kernels import native_batch_norm

Convolution = Callable[[Tensor, Tensor], Tensor]


@pytest.fixture(scope="session")
def random_convolution() -> Callable[..., tuple[Tensor, Tensor, Tensor]]:
    """Returns a function that draws images, filters, and a gradient of their convolution, all in channels_last."""

    def draw(
        size: tuple[int, int], *, channels: tuple[int, int], dtype: torch.dtype, images: int = 5
    ) -> tuple[Tensor, Tensor, Tensor]:
        generator = torch.Generator().manual_seed(0)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=generator, dtype=dtype).to(memory_format=torch.channels_last)

        filters = normal(channels[1], channels[0], 3, 3) / (9 * channels[0]) ** 0.5
        return normal(images, channels[0], *size), filters, normal(images, channels[1], *size)

    return draw


@pytest.fixture(scope="session")
def values_and_gradients() -> Callable[[Convolution, Tensor, Tensor, Tensor], list[Tensor]]:
    """Returns a function from a convolution to its output and the gradients of its images and filters."""

    def compute(convolve: Convolution, images: Tensor, filters: Tensor, gradient: Tensor) -> list[Tensor]:
        images, filters = images.detach().requires_grad_(), filters.detach().requires_grad_()
        convolved = convolve(images, filters)
        return [convolved.detach(), *torch.autograd.grad(convolved, (images, filters), gradient)]

    return compute


@pytest.fixture
def activations_computed(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """A list that gets the number of the activation at each call of the BatchNorm's native kernel."""
    computed: list[int] = []
    original = native_batch_norm.norm_activation

    def noted(
        features: Tensor, weight: Tensor, bias: Tensor, settings: native_batch_norm.NormSettings, **rest: Tensor | None
    ) -> Tensor:
        computed.append(settings.activation)
        return original(features, weight, bias, settings, **rest)

    monkeypatch.setattr(native_batch_norm, "norm_activation", noted)
    return computed
