"""The comparison of a network with an independent implementation."""

from collections.abc import Callable, Sequence

import pytest
import torch
from torch import Tensor, nn


@pytest.fixture
def assert_same_function() -> Callable[..., None]:
    """Returns a function that gives a network another's weights, and compares what the two compute in eval mode."""

    def check(model: nn.Module, reference: nn.Module, *inputs: Tensor, first: Sequence[str] = ()) -> None:
        """first: the names of the reference's values that come first in the model, where the orders differ."""
        torch.manual_seed(0)
        for layer in reference.modules():
            if isinstance(layer, nn.BatchNorm2d):  # as after a training
                layer.running_mean.uniform_(-0.2, 0.2)
                layer.running_var.uniform_(0.5, 2)
                nn.init.uniform_(layer.weight, 0.5, 1.5)
                nn.init.uniform_(layer.bias, -0.2, 0.2)
        given = reference.state_dict()
        values = [given[name] for name in [*first, *(name for name in given if name not in first)]]
        state = model.state_dict()
        assert [value.shape for value in state.values()] == [value.shape for value in values]
        model.load_state_dict(dict(zip(state, values, strict=True)))
        with torch.no_grad():
            expected = reference.eval()(*inputs)
            assert torch.allclose(model.eval()(*inputs), expected, rtol=1e-4, atol=1e-5 * float(expected.abs().max()))
        assert expected.std() > 0

    return check
