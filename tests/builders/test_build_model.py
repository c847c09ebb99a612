"""Networks of an experiment: without values they have the shapes of those with values."""

from typing import Any

import torch
from torch.utils._python_dispatch import TorchDispatchMode

from cifar_cli.builders.build_model import build_meta_model, build_model
from cifar_cli.config import load


class Operations(TorchDispatchMode):
    """Keeps the names of torch's operations."""

    def __init__(self) -> None:
        super().__init__()
        self.names: set[str] = set()

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        self.names.add(func.__name__)
        return func(*args, **(kwargs or {}))


def test_a_network_without_values_has_the_shapes_of_one_with_values_and_draws_none() -> None:
    # The first draw of normal numbers without values imports 900 modules of torch.
    experiment = load("resnet20")
    with Operations() as operations:
        network = build_model(experiment)
    with Operations() as without_values:
        meta = build_meta_model(experiment)
    assert "normal_.default" in operations.names - without_values.names
    assert all(value.is_meta for value in meta.state_dict().values())
    shapes, expected = ({key: value.shape for key, value in it.state_dict().items()} for it in (meta, network))
    assert shapes == expected
    assert not any(value.is_meta for value in network.state_dict().values())
    assert torch.is_tensor(meta(torch.empty(2, 3, 32, 32, device="meta")))
