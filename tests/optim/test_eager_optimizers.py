"""The optimizers out of torch's wrappers: torch's steps and state, and no import of torch.compile."""

import subprocess
import sys
from typing import Any

import pytest
import torch

from cifar_cli.optim import eager_optimizers
from cifar_cli.optim.eager_optimizers import EagerOptimizer
from cifar_cli.optim.multi_optimizer import MultiOptimizer
from cifar_cli.optim.table import OPTIMIZERS
from cifar_cli.section import load_target

FIRST_STEPS = """
import sys
import torch
from cifar_cli.optim.eager_optimizers import SGD, Adam, AdamW
from cifar_cli.optim.multi_optimizer import MultiOptimizer
from cifar_cli.optim.muon import Muon
for cls in (SGD, Adam, AdamW, Muon):
    weight = torch.ones(2, 2, requires_grad=True)
    optimizer = MultiOptimizer([cls([weight], lr=0.1)])
    weight.sum().backward()
    optimizer.step()
    optimizer.zero_grad()
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""


def test_an_optimizers_steps_and_state_import_no_torch_compile() -> None:
    process = subprocess.run([sys.executable, "-c", FIRST_STEPS], capture_output=True, text=True, check=True)
    assert process.stdout == "False\n"


def test_every_optimizer_is_eager() -> None:
    classes = [MultiOptimizer, *(load_target(keys.target) for keys in OPTIMIZERS.values())]
    assert [cls for cls in classes if not issubclass(cls, EagerOptimizer)] == []


@pytest.mark.parametrize("settings", [{}, {"fused": True}, {"foreach": True}], ids=["plain", "fused", "foreach"])
@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW"])
def test_weights_and_state_equal_those_of_torchs_own_optimizer(name: str, settings: dict[str, Any]) -> None:
    results = []
    for module in (torch.optim, eager_optimizers):
        weight = torch.arange(6.0).view(2, 3).requires_grad_()
        momentum = {"momentum": 0.9} if name == "SGD" else {}
        optimizer = getattr(module, name)([weight], lr=0.1, **momentum, **settings)
        hooked: list[int] = []
        optimizer.register_step_post_hook(lambda *_, hooked=hooked: hooked.append(1))
        for _ in range(2):
            optimizer.zero_grad()
            loss = optimizer.step(lambda weight=weight: (weight**3).sum().backward() or 7.0)
        optimizer.add_param_group({"params": [torch.zeros(1, requires_grad=True)], "lr": 0.2})
        results.append((weight.detach(), optimizer.state_dict(), len(hooked), loss, weight.grad))
    ((weight, state, *rest), (other_weight, other_state, *other_rest)) = results
    torch.testing.assert_close(other_weight, weight, rtol=0, atol=0)
    torch.testing.assert_close(other_state, state, rtol=0, atol=0)
    torch.testing.assert_close(other_rest, rest, rtol=0, atol=0)
    assert rest[:2] == [2, 7.0]
