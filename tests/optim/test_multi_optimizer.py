"""Several optimizers as one, under torch's own schedulers, checkpoints, loss scalers and hooks."""

import copy
from io import BytesIO

import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LambdaLR

from cifar_cli.optim.multi_optimizer import MultiOptimizer


def weights() -> list[nn.Parameter]:
    generator = torch.Generator().manual_seed(0)
    return [nn.Parameter(torch.randn(3, generator=generator)) for _ in range(3)]


def multi_optimizer(parameters: list[nn.Parameter], *, fused: bool = False) -> MultiOptimizer:
    first, second, third = parameters
    return MultiOptimizer(
        [
            torch.optim.SGD([{"params": [first]}, {"params": [second], "lr": 0.2}], lr=0.1, momentum=0.9, fused=fused),
            torch.optim.AdamW([third], lr=0.3, fused=fused),
        ]
    )


def take_steps(parameters: list[nn.Parameter], optimizer: torch.optim.Optimizer, *, seeds: range) -> None:
    for seed in seeds:
        generator = torch.Generator().manual_seed(seed)
        for parameter in parameters:
            parameter.grad = torch.randn(3, generator=generator)
        optimizer.step()


def assert_equal(left: list[nn.Parameter], right: list[nn.Parameter]) -> None:
    for one, other in zip(left, right, strict=True):
        assert torch.equal(one, other)


def test_a_schedule_reaches_every_group_of_every_optimizer() -> None:
    parameters, twins = weights(), weights()
    optimizer = multi_optimizer(parameters)
    scheduler = LambdaLR(optimizer, lambda step: 1 / (step + 1))
    own = torch.optim.SGD([{"params": twins[:1]}, {"params": twins[1:2], "lr": 0.2}], lr=0.1, momentum=0.9)
    other = torch.optim.AdamW(twins[2:], lr=0.3)
    for step in range(3):
        for group, lr in zip([*own.param_groups, *other.param_groups], (0.1, 0.2, 0.3), strict=True):
            group["lr"] = lr / (step + 1)
        take_steps(twins, own, seeds=range(step, step + 1))
        other.step()
        take_steps(parameters, optimizer, seeds=range(step, step + 1))
        scheduler.step()
    assert_equal(parameters, twins)


def test_a_loaded_state_continues_as_the_saved_one() -> None:
    for fused in (False, True):
        whole, part = weights(), weights()
        take_steps(whole, multi_optimizer(whole, fused=fused), seeds=range(6))
        first = multi_optimizer(part, fused=fused)
        take_steps(part, first, seeds=range(3))
        saved = BytesIO()
        torch.save(first.state_dict(), saved)
        saved.seek(0)
        resumed = [nn.Parameter(value.detach().clone()) for value in part]
        second = multi_optimizer(resumed, fused=fused)
        second.load_state_dict(torch.load(saved, weights_only=True))
        take_steps(resumed, second, seeds=range(3, 6))
        assert_equal(resumed, whole)
        assert second.state_dict()["state"].keys() == {0, 1, 2}


def test_the_state_dict_has_the_form_of_a_single_torch_optimizers() -> None:
    parameters = weights()
    optimizer = multi_optimizer(parameters)
    take_steps(parameters, optimizer, seeds=range(1))
    saved = optimizer.state_dict()
    assert saved.keys() == {"state", "param_groups"}
    assert [group["params"] for group in saved["param_groups"]] == [[0], [1], [2]]
    assert {key: set(value) for key, value in saved["state"].items()} == {
        0: {"momentum_buffer"},
        1: {"momentum_buffer"},
        2: {"step", "exp_avg", "exp_avg_sq"},
    }


def test_zero_grad_and_a_loss_scaler_work_on_all() -> None:
    parameters, twins = weights(), weights()
    optimizer, twin = multi_optimizer(parameters), multi_optimizer(twins)
    scaler = torch.amp.GradScaler("cpu", init_scale=1024.0)
    for network, scale in ((parameters, scaler.scale), (twins, lambda loss: loss)):
        loss: Tensor = torch.stack([parameter.square().sum() for parameter in network]).sum()
        scale(loss).backward()
    scaler.step(optimizer)
    scaler.update()
    twin.step()
    for one, other in zip(parameters, twins, strict=True):
        torch.testing.assert_close(one, other)
    optimizer.zero_grad()
    assert all(parameter.grad is None for parameter in parameters)


def test_hooks_are_called_once_a_step() -> None:
    parameters = weights()
    optimizer = multi_optimizer(parameters)
    calls: list[object] = []
    optimizer.register_step_pre_hook(lambda *arguments: calls.append(copy.copy(arguments)))
    take_steps(parameters, optimizer, seeds=range(2))
    assert len(calls) == 2
