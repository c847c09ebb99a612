"""Steps that leave a training as it was."""

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.kernels.undone_step import state_tensors, undone
from cifar_cli.optim.build_optimizer import build_optimizer

CPU = torch.device("cpu")


class Net(nn.Module):
    """A network with all that a step changes: weights, BatchNorm's averages, and by dropout the random state."""

    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(3, 4, 3, bias=False)
        self.norm = nn.BatchNorm2d(4, affine=False)
        self.drop = nn.Dropout(0.5)

    def forward(self, images: Tensor) -> Tensor:
        features: Tensor = self.drop(self.norm(self.conv(images)))
        return features


def take_step(net: Net, optimizer: torch.optim.Optimizer) -> None:
    images = torch.linspace(-1, 1, 2 * 3 * 5 * 5).view(2, 3, 5, 5)
    optimizer.zero_grad()
    net(images).square().sum().backward()
    optimizer.step()


def training(name: str) -> tuple[Net, torch.optim.Optimizer]:
    torch.manual_seed(0)
    net = Net()
    momentum: dict[str, Any] = {"momentum": 0.9} if name in ("sgd", "muon") else {}
    return net, build_optimizer(name, net, lr=0.01, weight_decay=0.1, **momentum)


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "muon"])
@pytest.mark.parametrize("steps_before", [0, 2])
def test_a_training_goes_on_to_the_bit_as_if_the_undone_steps_had_not_been_taken(name: str, steps_before: int) -> None:
    net, optimizer = training(name)
    expected_net, expected_optimizer = training(name)
    torch.manual_seed(1)
    for _ in range(steps_before + 2):
        take_step(expected_net, expected_optimizer)

    torch.manual_seed(1)
    for _ in range(steps_before):
        take_step(net, optimizer)
    with undone(net, optimizer, device=CPU):
        for _ in range(3):
            take_step(net, optimizer)
    for _ in range(2):
        take_step(net, optimizer)
    assert all(map(torch.equal, net.state_dict().values(), expected_net.state_dict().values()))
    assert all(map(torch.equal, state_tensors(optimizer), state_tensors(expected_optimizer)))


def test_tensors_stay_the_same_ones_and_new_optimizer_state_is_zero() -> None:
    net, optimizer = training("adam")
    weight, mean = net.conv.weight, net.norm.running_mean
    with undone(net, optimizer, device=CPU):
        take_step(net, optimizer)
        made = state_tensors(optimizer)
        assert any(bool(tensor.any()) for tensor in made)
    assert net.conv.weight is weight
    assert net.norm.running_mean is mean
    assert all(now is then for now, then in zip(state_tensors(optimizer), made, strict=True))
    assert not any(bool(tensor.any()) for tensor in made)
