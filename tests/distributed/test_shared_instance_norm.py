"""InstanceNorm over several processes held against torch's own, in a group of one; test_sharded_forward.py has two."""

from collections.abc import Iterator

import pytest
import torch
from torch import distributed as dist
from torch import nn

from cifar_cli.distributed.shared_instance_norm import SharedInstanceNorm, share_instance_norms


@pytest.fixture(scope="module", autouse=True)
def group_of_one() -> Iterator[None]:
    dist.init_process_group("gloo", store=dist.HashStore(), rank=0, world_size=1)
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("training", [True, False])
@pytest.mark.parametrize(
    "arguments",
    [
        {},
        {"affine": True, "eps": 0.1},
        {"track_running_stats": True},
        {"affine": True, "track_running_stats": True, "momentum": 0.3},
        {"track_running_stats": True, "momentum": None},
    ],
)
def test_outputs_gradients_and_statistics_are_those_of_torchs_instance_norm(
    arguments: dict[str, object], training: bool
) -> None:
    features = 3 + 2 * torch.randn(5, 3, 4, 2, generator=torch.Generator().manual_seed(0))
    seen = []
    for make in (nn.InstanceNorm2d, lambda *args, **rest: SharedInstanceNorm(nn.InstanceNorm2d(*args, **rest))):
        norm = make(3, **arguments).train(training)
        given = features.clone().requires_grad_()
        for step in (1, 2):
            output = norm(given * step)
            output.square().cumsum(0).sum().backward()
        seen.append((output, given.grad, [each.grad for each in norm.parameters()], dict(norm.state_dict())))
    torch.testing.assert_close(seen[1], seen[0])


@pytest.mark.parametrize("training", [True, False])
def test_a_share_without_images_has_gradients_of_zero(training: bool) -> None:
    norm = SharedInstanceNorm(nn.InstanceNorm2d(3, affine=True)).train(training)
    output = norm(torch.zeros(0, 3, 4, 2))
    assert output.shape == (0, 3, 4, 2)
    output.sum().backward()
    assert [each.grad.tolist() for each in norm.parameters()] == [[0, 0, 0], [0, 0, 0]]


def test_replacing_keeps_the_tensors_and_their_names() -> None:
    norm = nn.InstanceNorm2d(4, affine=True, track_running_stats=True)
    model = nn.Sequential(nn.Conv2d(3, 4, 1), nn.Sequential(norm, nn.ReLU()))
    before = dict(model.state_dict(keep_vars=True))
    after = share_instance_norms(model).state_dict(keep_vars=True)
    assert isinstance(model[1][0], SharedInstanceNorm)
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
