"""Muon held against a singular value decomposition, torch's own Muon, and numbers worked by hand."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.optim.muon import Muon, newton_schulz, orthogonalize

TALL_AND_WIDE = [(16, 16), (8, 40), (40, 8), (1, 9)]


@pytest.fixture(autouse=True)
def in_full_precision(set_processor: Callable[..., None]) -> None:
    """Has Muon compute as on a processor whose fastest precision is fp32, whichever processor runs the tests."""
    set_processor()


def random(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


@pytest.mark.parametrize("shape", TALL_AND_WIDE)
def test_after_five_steps_all_singular_values_are_between_the_extremes_of_the_polynomial(
    shape: tuple[int, int],
) -> None:
    values = torch.linalg.svdvals(newton_schulz(random(3, *shape), steps=5))
    # Where p' is 0: p(0.5545) = 1.2023 and p(1.0502) = 0.6817; p maps the interval between them into itself.
    assert values.min() > 0.681
    assert values.max() < 1.203


@pytest.mark.parametrize("shape", TALL_AND_WIDE)
def test_the_polynomial_is_applied_to_each_singular_value_and_the_directions_stay(shape: tuple[int, int]) -> None:
    matrix = random(*shape).double()
    u, s, vt = torch.linalg.svd(matrix, full_matrices=False)
    s = s / s.square().sum().sqrt()
    for _ in range(3):
        s = 3.4445 * s - 4.7750 * s**3 + 2.0315 * s**5
    torch.testing.assert_close(newton_schulz(matrix[None], steps=3)[0], u @ torch.diag(s) @ vt)


@pytest.mark.parametrize("shape", [(130, 140), (300, 129)])
def test_in_bf16_the_result_is_the_same_up_to_rounding(
    shape: tuple[int, int], set_processor: Callable[..., None]
) -> None:
    matrices = random(3, *shape)
    exact = newton_schulz(matrices, steps=3)
    set_processor("amx_bf16")
    rounded = newton_schulz(matrices, steps=3)
    assert rounded.dtype == torch.float32
    assert not torch.equal(rounded, exact)
    assert (rounded - exact).norm() <= 0.02 * exact.norm()


@pytest.mark.parametrize("shape", [*TALL_AND_WIDE, (128, 140), (300, 128)])
def test_small_matrices_are_multiplied_in_fp32_on_any_cpu(
    shape: tuple[int, int], set_processor: Callable[..., None]
) -> None:
    matrices = random(2, *shape)
    exact = newton_schulz(matrices, steps=3)
    set_processor("amx_bf16")
    assert torch.equal(newton_schulz(matrices, steps=3), exact)


def test_twenty_steps_bring_large_and_small_singular_values_between_the_extremes() -> None:
    u, _, vt = torch.linalg.svd(random(24, 60), full_matrices=False)
    matrix = u * torch.logspace(0, -6, 24) @ vt
    values = torch.linalg.svdvals(newton_schulz(matrix[None], steps=20))
    assert values.min() > 0.681
    assert values.max() < 1.203


@pytest.mark.parametrize("shape", [(6, 20), (20, 6), (12, 3, 3, 3), (4, 5, 3)])
def test_a_tensor_has_the_same_result_alone_and_in_a_batch(shape: tuple[int, ...]) -> None:
    tensors = [random(*shape, seed=1), random(5, 7), random(*shape, seed=2)]
    together = list(orthogonalize(tensors, steps=3))
    for tensor, result in zip(tensors, together, strict=True):
        (alone,) = orthogonalize([tensor], steps=3)
        torch.testing.assert_close(result, alone)
        assert result.shape == tensor.shape


def test_a_gradient_of_zero_gives_a_step_of_zero() -> None:
    (result,) = orthogonalize([torch.zeros(4, 3, 3, 3)], steps=3)
    assert torch.equal(result, torch.zeros(4, 3, 3, 3))


def test_at_a_learning_rate_of_zero_a_weight_keeps_its_norm_too() -> None:
    weight = nn.Parameter(torch.full((2, 2), 3.0))
    weight.grad = torch.eye(2)
    Muon([weight], lr=0.0, normalize_weights=True).step()
    assert torch.equal(weight.detach(), torch.full((2, 2), 3.0))


def test_a_matrix_of_one_row_shows_momentum_as_worked_by_hand() -> None:
    # Orthogonalized, a row is its direction times a number near 1: the test compares directions only.
    weight = nn.Parameter(torch.zeros(1, 2))
    optimizer = Muon([weight], lr=1.0, momentum=0.5, nesterov=True, normalize_weights=False)
    directions = []
    for gradient in ([3.0, 0.0], [0.0, 4.0]):
        before = weight.detach().clone()
        weight.grad = torch.tensor([gradient])
        optimizer.step()
        directions.append(nn.functional.normalize(before - weight.detach(), dim=1).flatten().tolist())
    # The buffer is (3, 0), then (1.5, 4); with Nesterov the step is gradient + 0.5 · buffer: (4.5, 0), then (0.75, 6).
    assert directions[0] == pytest.approx([1.0, 0.0], abs=1e-6)
    length = (0.75**2 + 6.0**2) ** 0.5
    assert directions[1] == pytest.approx([0.75 / length, 6.0 / length], abs=1e-6)
    assert optimizer.state[weight]["momentum_buffer"].tolist() == [[1.5, 4.0]]


def test_without_nesterov_the_step_has_the_direction_of_the_buffer() -> None:
    weight = nn.Parameter(torch.zeros(1, 2))
    optimizer = Muon([weight], lr=1.0, momentum=0.5, nesterov=False, normalize_weights=False)
    for gradient in ([3.0, 0.0], [0.0, 4.0]):
        before = weight.detach().clone()
        weight.grad = torch.tensor([gradient])
        optimizer.step()
    x, y = (before - weight.detach()).flatten().tolist()
    assert y / x == pytest.approx(4.0 / 1.5, rel=1e-5)


@pytest.mark.parametrize("nesterov", [True, False])
def test_steps_on_wide_matrices_equal_torchs_own_muon_up_to_its_bf16(nesterov: bool) -> None:
    # torch's Muon enlarges the steps of tall matrices only.
    ours, theirs = nn.Parameter(random(12, 30)), nn.Parameter(random(12, 30))
    arguments = {"lr": 0.1, "momentum": 0.6, "nesterov": nesterov, "weight_decay": 0.2}
    optimizers = [
        (ours, Muon([ours], newton_schulz_steps=3, normalize_weights=False, **arguments)),
        (theirs, torch.optim.Muon([theirs], ns_steps=3, **arguments)),
    ]
    for step in range(4):
        for weight, optimizer in optimizers:
            weight.grad = random(12, 30, seed=10 + step)
            optimizer.step()
    torch.testing.assert_close(ours, theirs, rtol=0, atol=5e-3)
    assert (ours - random(12, 30)).abs().max() > 0.1


def steps_by_hand(weight: Tensor, gradients: list[Tensor], *, lr: float) -> Tensor:
    """Returns a filter bank after Muon's steps, computed by the formulas in double precision."""
    weight, buffer = weight.double().clone(), torch.zeros_like(weight, dtype=torch.double)
    for gradient in gradients:
        buffer = 0.6 * buffer + gradient.double()
        update = (gradient.double() + 0.6 * buffer).reshape(len(weight), -1)
        x = update / torch.linalg.matrix_norm(update)
        x = x.T if x.shape[0] > x.shape[1] else x
        for _ in range(3):
            x = 3.4445 * x - 4.7750 * (x @ x.T) @ x + 2.0315 * (x @ x.T) @ (x @ x.T) @ x
        x = x.T if update.shape[0] > update.shape[1] else x
        weight = weight * len(weight) ** 0.5 / weight.square().sum().sqrt()
        weight = weight - lr * x.reshape(weight.shape)
    return weight


@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last])
@pytest.mark.parametrize("shape", [(8, 3, 3, 3), (40, 4, 3, 3)])
def test_steps_on_filter_banks_equal_the_formulas_in_either_memory_format(
    memory_format: torch.memory_format, shape: tuple[int, ...]
) -> None:
    weight = nn.Parameter(random(*shape).to(memory_format=memory_format))
    gradients = [random(*shape, seed=seed) for seed in range(1, 4)]
    optimizer = Muon([weight], lr=0.24, momentum=0.6, newton_schulz_steps=3)
    for gradient in gradients:
        weight.grad = gradient.to(memory_format=memory_format)
        optimizer.step()
    expected = steps_by_hand(random(*shape), gradients, lr=0.24)
    torch.testing.assert_close(weight.double(), expected, rtol=0, atol=1e-4)
    assert weight.is_contiguous(memory_format=memory_format)
    assert optimizer.state[weight]["momentum_buffer"].is_contiguous(memory_format=memory_format)


def test_weights_are_scaled_to_the_norm_of_rows_of_length_one() -> None:
    weight = nn.Parameter(random(9, 4, 3, 3))
    weight.grad = torch.zeros_like(weight)
    Muon([weight], lr=0.24).step()
    assert weight.norm().item() == pytest.approx(3.0, rel=1e-5)  # √9
    unscaled = nn.Parameter(random(9, 4, 3, 3))
    unscaled.grad = torch.zeros_like(unscaled)
    Muon([unscaled], lr=0.24, normalize_weights=False).step()
    assert torch.equal(unscaled, random(9, 4, 3, 3))
