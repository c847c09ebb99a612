"""Muon: momentum whose every step is made orthogonal. A torch optimiser for filter banks and matrices.

A gradient of a filter bank is ruled by a few directions. Orthogonalised, all its directions weigh the same, and the
rare ones are learnt too. Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from cifar_cli.hardware import multiplies_fastest_in_bf16

# p(s) = a·s + b·s³ + c·s⁵ brings singular values from (0, 1] near 1, fast where they are small because it overshoots:
# it keeps them between 0.68 and 1.20, its own extremes, once they are there. Source: as above.
POLYNOMIAL = (3.4445, -4.7750, 2.0315)
TINY = 1e-7  # what a norm is never below, so that a gradient of zero stays one


class Muon(torch.optim.Optimizer):
    """Takes parameters with two dimensions or more; the first is that of the outputs, the others are one.

    With `normalize_weights`, each step begins by scaling a parameter to the Frobenius norm √C_out, that of C_out rows
    of length 1: it suits layers with a normalisation behind them, which does not notice. `weight_decay` takes
    lr · weight_decay of the weights off at each step, as torch's own Muon does. Unlike that one, this one does not
    stretch the steps of tall matrices.
    """

    def __init__(
        self,
        params: ParamsT,
        *,
        lr: float = 0.24,
        momentum: float = 0.6,
        nesterov: bool = True,
        newton_schulz_steps: int = 3,
        weight_decay: float = 0.0,
        normalize_weights: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "nesterov": nesterov,
            "newton_schulz_steps": newton_schulz_steps,
            "weight_decay": weight_decay,
            "normalize_weights": normalize_weights,
        }
        super().__init__(params, defaults)

    @torch.no_grad()
    def step(self, closure: Callable[[], Any] | None = None) -> None:  # type: ignore[override]
        """Moves every parameter that has a gradient. `closure` is not called: the gradients have to be there.

        At a learning rate of 0 a parameter stays as it is, its norm too. One that is a tensor is taken to be another.
        """
        for group in self.param_groups:
            lr, decay = group["lr"], group["weight_decay"]
            if not isinstance(lr, Tensor) and lr == 0:
                continue
            parameters = [parameter for parameter in group["params"] if parameter.grad is not None]
            directions = [self._direction(parameter, group["momentum"], group["nesterov"]) for parameter in parameters]
            for parameter, update in zip(
                parameters, orthogonalize(directions, steps=group["newton_schulz_steps"]), strict=True
            ):
                if group["normalize_weights"]:
                    parameter.mul_(len(parameter) ** 0.5 / parameter.norm().clamp(min=TINY))
                if decay:
                    parameter.mul_(1 - lr * decay)
                parameter.sub_(update.mul_(lr))

    def _direction(self, parameter: Tensor, momentum: float, nesterov: bool) -> Tensor:
        """Returns where SGD with momentum would go, as torch.optim.SGD has it."""
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer: Tensor = state["momentum_buffer"]
        buffer.mul_(momentum).add_(gradient)
        return gradient.add(buffer, alpha=momentum) if nesterov else buffer


def orthogonalize(tensors: Sequence[Tensor], *, steps: int) -> Iterable[Tensor]:
    """Returns for each tensor (C_out, …) one of the same shape whose rows are as good as orthonormal.

    Or its columns, where these are fewer. What has the same shape is computed together.
    """
    by_shape: dict[torch.Size, list[int]] = {}
    for index, tensor in enumerate(tensors):
        by_shape.setdefault(tensor.shape, []).append(index)
    results: list[Tensor] = list(tensors)
    for indices in by_shape.values():
        # The inputs' dimension last: for channels_last nothing has to be moved, and the order of columns is all one.
        banks = torch.stack([tensors[index].movedim(1, -1) for index in indices])  # (N, C_out, …, C_in)
        matrices = newton_schulz(banks.flatten(2), steps=steps)  # (N, C_out, everything else)
        for index, bank in zip(indices, matrices.view(banks.shape), strict=True):
            results[index] = bank.movedim(-1, 1)
    return results


def newton_schulz(matrices: Tensor, *, steps: int) -> Tensor:
    """Returns for matrices (N, rows, columns) = U·S·Vᵀ ones that are nearly U·Vᵀ.

    Each step puts the singular values, divided by their norm at first, through the polynomial p; it takes matrix
    products only, in bf16 where the processor multiplies fastest in that: an error of a percent does not matter here.
    """
    a, b, c = POLYNOMIAL
    is_tall = matrices.size(1) > matrices.size(2)
    x = matrices.mT if is_tall else matrices  # so that the products below are of the smaller size
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=TINY)
    if multiplies_fastest_in_bf16(x.device):
        x = x.bfloat16()
    for _ in range(steps):
        gram = x @ x.mT  # (N, rows, rows)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return (x.mT if is_tall else x).to(matrices.dtype)
