"""Muon: momentum whose steps are orthogonalized. A torch optimizer for filter banks and matrices.

A few directions dominate the gradient of a filter bank. Orthogonalized, all directions have the same weight, and the
rare ones are learned too. Source: Jordan et al. 2024, "Muon: An optimizer for hidden layers in neural networks".
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from cifar_cli.hardware import multiplies_fastest_in_bf16
from cifar_cli.optim.eager_optimizers import EagerOptimizer

# p(s) = a·s + b·s³ + c·s⁵ brings singular values from (0, 1] near 1: small ones fast, because it overshoots. It keeps
# them between its own extremes, 0.68 and 1.20. Source: as above.
POLYNOMIAL = (3.4445, -4.7750, 2.0315)
MIN_NORM = 1e-7  # a divisor, so that a gradient of zero gives a step of zero
MAX_ROWS_FP32 = 128  # of matrices for which a CPU's fp32 is faster than its bf16; measured: docs/experiments/muon.md
STEPS_PER_GRAM = 5  # a Gram matrix's rounding errors grow up to twelvefold in a step: a² = 11.9


class Muon(EagerOptimizer):
    """Takes parameters with two dimensions or more, seen as matrices: outputs × all other dimensions.

    normalize_weights: each step first scales a parameter to the Frobenius norm √C_out, that of C_out rows of length 1.
    A normalization layer after the parameter's layer cancels that scale. weight_decay: each step subtracts
    lr · weight_decay of the weights, as in torch's Muon, which unlike this class also enlarges the steps of tall
    matrices.
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
        """Updates every parameter that has a gradient. The gradients must be computed already: `closure` is not called.

        At a learning rate of 0 a parameter keeps its norm too. A tensor learning rate is assumed to be non-zero.
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
                    parameter.mul_(len(parameter) ** 0.5 / parameter.norm().clamp(min=MIN_NORM))
                if decay:
                    parameter.mul_(1 - lr * decay)
                parameter.sub_(update.mul_(lr))

    def _direction(self, parameter: Tensor, momentum: float, nesterov: bool) -> Tensor:
        """Returns the direction of a step of torch.optim.SGD with momentum."""
        state, gradient = self.state[parameter], parameter.grad
        assert gradient is not None
        if "momentum_buffer" not in state:
            state["momentum_buffer"] = torch.zeros_like(gradient)
        buffer: Tensor = state["momentum_buffer"]
        buffer.mul_(momentum).add_(gradient)
        return gradient.add(buffer, alpha=momentum) if nesterov else buffer


def orthogonalize(tensors: Sequence[Tensor], *, steps: int) -> Iterable[Tensor]:
    """Returns each tensor (C_out, …) orthogonalized: nearly orthonormal rows, or columns if fewer.

    Tensors of one shape are computed as one batch.
    """
    by_shape: dict[torch.Size, list[int]] = {}
    for index, tensor in enumerate(tensors):
        by_shape.setdefault(tensor.shape, []).append(index)
    results: list[Tensor] = list(tensors)
    for indices in by_shape.values():
        # The inputs' dimension last: channels_last tensors need no copy, and the order of columns does not matter.
        banks = torch.stack([tensors[index].movedim(1, -1) for index in indices])  # (N, C_out, …, C_in)
        matrices = newton_schulz(banks.flatten(2), steps=steps)  # (N, C_out, product of the other dimensions)
        for index, bank in zip(indices, matrices.view(banks.shape), strict=True):
            results[index] = bank.movedim(-1, 1)
    return results


def newton_schulz(matrices: Tensor, *, steps: int) -> Tensor:
    """Returns nearly U·Vᵀ for each of the matrices (N, rows, columns) = U·S·Vᵀ.

    The singular values are divided by their norm; then each step applies the polynomial p to them, by matrix products
    only. Those of large matrices are in bf16 where that is the device's fastest precision: an error of a percent does
    not matter here.
    """
    is_tall = matrices.size(1) > matrices.size(2)
    x = matrices.mT if is_tall else matrices  # so that the products below are of the smaller size
    x = x / x.norm(dim=(1, 2), keepdim=True).clamp(min=MIN_NORM)
    is_small = x.device.type == "cpu" and x.size(1) <= MAX_ROWS_FP32
    if multiplies_fastest_in_bf16(x.device) and not is_small:
        x = _apply_polynomial(x.bfloat16(), steps=steps)
    else:
        x = _apply_polynomial_by_gram(x, steps=steps)
    return (x.mT if is_tall else x).to(matrices.dtype)


def _apply_polynomial(x: Tensor, *, steps: int) -> Tensor:
    """Applies p to the singular values of the matrices `steps` times, in any precision: each step starts from x."""
    a, b, c = POLYNOMIAL
    for _ in range(steps):
        gram = x @ x.mT  # (N, rows, rows)
        x = torch.baddbmm(x, torch.baddbmm(gram, gram, gram, beta=b, alpha=c), x, beta=a)
    return x


def _apply_polynomial_by_gram(x: Tensor, *, steps: int) -> Tensor:
    """Does the same with fewer products, in fp32: a step multiplies x by a polynomial of G = x·xᵀ, so G follows from G.

    Only the first product and the last are as long as the rows.
    """
    a, b, c = POLYNOMIAL
    for first in range(0, steps, STEPS_PER_GRAM):
        gram = x @ x.mT  # (N, rows, rows)
        product = torch.eye(x.size(1), dtype=x.dtype, device=x.device).expand_as(gram)
        for _ in range(first, min(first + STEPS_PER_GRAM, steps)):
            factor = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
            factor.diagonal(dim1=1, dim2=2).add_(a)  # p(s) = s · (a + b·s² + c·s⁴)
            product = factor @ product
            gram = factor @ gram @ factor
        x = product @ x
    return x
