"""Eval mode within a context."""

import pytest
from torch import nn

from cifar_cli.models.eval_mode import eval_mode


def test_eval_mode_restores_the_mode_of_each_module_also_after_an_error() -> None:
    model = nn.Sequential(nn.BatchNorm2d(1).eval(), nn.Dropout(), nn.Sequential(nn.ReLU()))
    with eval_mode(model):
        assert not any(module.training for module in model.modules())
    assert [module.training for module in model.modules()] == [True, False, True, True, True]
    with pytest.raises(RuntimeError, match="broken"), eval_mode(model):
        raise RuntimeError("broken")
    assert [module.training for module in model.modules()] == [True, False, True, True, True]
