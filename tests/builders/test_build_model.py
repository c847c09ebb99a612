"""Networks of an experiment: without values they have the shapes of those with values."""

from collections.abc import Callable
from functools import partial

import torch

from cifar_cli.builders.build_model import build_meta_model, build_model
from cifar_cli.config import load


def test_a_network_without_values_has_the_shapes_of_one_with_values_and_draws_none(
    operations_in: Callable[[Callable[[], object]], set[str]],
) -> None:
    # The first draw of normal numbers without values imports 900 modules of torch.
    experiment = load("resnet20")
    drawn, without_values = (operations_in(partial(build, experiment)) for build in (build_model, build_meta_model))
    assert "normal_.default" in drawn - without_values
    network, meta = build_model(experiment), build_meta_model(experiment)
    assert all(value.is_meta for value in meta.state_dict().values())
    shapes, expected = ({key: value.shape for key, value in it.state_dict().items()} for it in (meta, network))
    assert shapes == expected
    assert not any(value.is_meta for value in network.state_dict().values())
    assert torch.is_tensor(meta(torch.empty(2, 3, 32, 32, device="meta")))
