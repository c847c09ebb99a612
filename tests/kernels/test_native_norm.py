"""BatchNorm with its activation by native.c: values, gradients and statistics are those of torch in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.kernels.native_library import native_library
from cifar_cli.kernels.native_modules import replace_by_native

pytestmark = pytest.mark.skipif(native_library().library is None, reason=native_library().words)

ACTIVATIONS: dict[str, Callable[[], nn.Module]] = {
    "none": nn.Identity,
    "relu": nn.ReLU,
    "gelu": nn.GELU,
    "silu": nn.SiLU,
}
# Relative to the norm of all values: a number of bf16 is rounded by up to 2⁻⁹, here twice; one of fp32 by up to 2⁻²⁴
# in some ten operations and in sums of 64.
TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 2.0**-8}
SHAPES = [(6, 16, 9, 7), (3, 1, 5, 5), (5, 3, 8, 6), (4, 1000, 3, 2), (1, 24, 4, 4), (200, 8, 32, 1), (7, 513, 1, 1)]


def drawn(shape: tuple[int, ...], dtype: torch.dtype = torch.float32, *, seed: int = 0) -> Tensor:
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return (1.5 * numbers + 0.3).to(dtype).contiguous(memory_format=torch.channels_last)


def layers(channels: int, activation: str = "relu", **settings: object) -> nn.Sequential:
    """Returns a BatchNorm with weights and statistics of all kinds, and its activation."""
    norm = nn.BatchNorm2d(channels, **settings)  # type: ignore[arg-type]
    numbers = torch.rand(4, channels, generator=torch.Generator().manual_seed(1))
    own = (norm.weight, norm.bias, norm.running_mean, norm.running_var)
    for tensor, values in zip(own, numbers + torch.tensor([0.5, -0.5, 0.0, 0.5])[:, None], strict=True):
        if tensor is not None:
            tensor.data.copy_(values)
    return nn.Sequential(norm, ACTIVATIONS[activation]())


def values_and_gradients(model: nn.Module, features: Tensor, gradient: Tensor) -> list[Tensor]:
    features = features.detach().requires_grad_()
    activated = model(features)
    wanted = [features, *(parameter for parameter in model.parameters() if parameter.requires_grad)]
    return [activated.detach(), *torch.autograd.grad(activated, wanted, gradient)]


def assert_near(got: list[Tensor], exact: list[Tensor], tolerance: float) -> None:
    for value, wanted in zip(got, exact, strict=True):
        # A sum over all pixels has their rounding errors, however small it is itself.
        terms = (got[0].numel()) ** 0.5 if wanted.dim() == 1 else 0.0
        assert (value.double() - wanted).norm() <= tolerance * max(wanted.norm().item(), terms)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_gradients_and_statistics_are_torchs_in_float64(
    shape: tuple[int, ...], dtype: torch.dtype, activation: str, training: bool
) -> None:
    plain = layers(shape[1], activation).train(training).double()
    native = replace_by_native(layers(shape[1], activation)).train(training)
    features, gradient = drawn(shape, dtype), drawn(shape, dtype, seed=1)
    exact = values_and_gradients(plain, features.double(), gradient.double())
    got = values_and_gradients(native, features, gradient)
    assert [tensor.dtype for tensor in got] == [dtype, dtype, torch.float32, torch.float32]
    assert_near(got, exact, TOLERANCE[dtype])
    statistics = [native[0].running_mean, native[0].running_var]
    assert_near(statistics, [plain[0].running_mean, plain[0].running_var], 1e-6)
    assert native[0].num_batches_tracked == int(training)


@pytest.mark.parametrize("activation", ACTIVATIONS)
def test_in_bf16_the_errors_are_no_larger_than_torchs_own(activation: str) -> None:
    features, gradient = (drawn((20, 32, 8, 8), torch.bfloat16, seed=seed) for seed in (0, 1))
    exact = values_and_gradients(layers(32, activation).double(), features.double(), gradient.double())
    by_torch = values_and_gradients(layers(32, activation), features, gradient)
    native = values_and_gradients(replace_by_native(layers(32, activation)), features, gradient)
    for value, torchs, wanted in zip(native, by_torch, exact, strict=True):
        assert (value.double() - wanted).norm() <= 1.1 * (torchs.double() - wanted).norm() + 1e-6 * wanted.norm()


def test_a_mean_far_from_zero_costs_no_digits() -> None:
    features = drawn((50, 4, 8, 8)) + 1000
    plain, native = layers(4).double(), replace_by_native(layers(4))
    exact = values_and_gradients(plain, features.double(), drawn(tuple(features.shape), seed=1).double())
    assert_near(
        values_and_gradients(native, features, drawn(tuple(features.shape), seed=1)), exact, 3e-5
    )  # the mean itself has 24 bits
    assert_near([native[0].running_var], [plain[0].running_var], 1e-5)


@pytest.mark.parametrize(
    "settings",
    [
        {"affine": False},
        {"momentum": None},
        {"momentum": 0.4, "eps": 1e-12},
        {"track_running_stats": False},
        {"track_running_stats": False, "affine": False},
    ],
    ids=str,
)
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_every_setting_of_a_batch_norm_means_what_it_means_in_torch(
    settings: dict[str, object], training: bool
) -> None:
    plain = layers(6, **settings).train(training)
    native = replace_by_native(layers(6, **settings)).train(training)
    for seed in range(3):
        features, gradient = drawn((9, 6, 5, 4), seed=seed), drawn((9, 6, 5, 4), seed=10 + seed)
        wanted = values_and_gradients(plain, features, gradient)
        torch.testing.assert_close(values_and_gradients(native, features, gradient), wanted, rtol=1e-4, atol=1e-5)
    torch.testing.assert_close(dict(native.state_dict()), dict(plain.state_dict()), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("frozen", ["0.weight", "0.bias"])
def test_a_frozen_weight_gets_no_gradient_and_the_others_get_theirs(frozen: str) -> None:
    plain, native = layers(6), replace_by_native(layers(6))
    for model in (plain, native):
        model.get_parameter(frozen).requires_grad_(False)
        model(drawn((9, 6, 5, 4))).sum().backward()
    for name, parameter in native.named_parameters():
        wanted = plain.get_parameter(name).grad
        assert (parameter.grad is None) == (wanted is None) == (name == frozen)
        if wanted is not None:
            torch.testing.assert_close(parameter.grad, wanted)


@pytest.mark.parametrize("activation", ACTIVATIONS)
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
def test_a_number_that_is_not_finite_stays_so_where_torch_has_it(
    value: float, dtype: torch.dtype, activation: str, training: bool
) -> None:
    features, gradient = drawn((4, 5, 3, 3), dtype), drawn((4, 5, 3, 3), dtype, seed=1)
    features[1, 2, 0, 1] = value
    gradient[2, 3, 1, 1] = value
    wanted = values_and_gradients(layers(5, activation).train(training), features, gradient)
    got = values_and_gradients(replace_by_native(layers(5, activation)).train(training), features, gradient)
    for ours, torchs in zip(got, wanted, strict=True):
        assert torch.equal(ours.isfinite(), torchs.isfinite())
        assert value == value or torch.equal(ours.isnan(), torchs.isnan())


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_every_nan_of_a_weight_stays_a_nan(dtype: torch.dtype) -> None:
    # All bits set: rounding to bf16 by adding half of the last place would carry over to zero.
    nan = torch.tensor(2**31 - 1, dtype=torch.int32).view(torch.float32)
    native = replace_by_native(layers(3, "none"))
    native[0].bias.data[1] = nan
    assert native(drawn((2, 3, 4, 4), dtype)).isnan().sum(dim=(0, 2, 3)).tolist() == [0, 32, 0]


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    features, gradient = drawn((40, 16, 17, 17)), drawn((40, 16, 17, 17), seed=1)
    threads = torch.get_num_threads()
    results = []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(values_and_gradients(replace_by_native(layers(16, "gelu")), features, gradient))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert all(torch.equal(a, b) for a, b in zip(results[0], other, strict=True))


def test_gradients_can_be_asked_for_twice() -> None:
    native, features = replace_by_native(layers(6, "gelu")), drawn((9, 6, 5, 4)).requires_grad_()
    loss = native(features).square().sum()
    first, second = (torch.autograd.grad(loss, [features, *native.parameters()], retain_graph=True) for _ in range(2))
    assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))


@pytest.mark.parametrize("activation", ["relu", "gelu", "silu"])
def test_a_second_derivative_is_torchs(activation: str) -> None:
    def second(model: nn.Module) -> tuple[Tensor, ...]:
        features = drawn((4, 3, 3, 3)).requires_grad_()
        inputs = [features, *model.parameters()]
        first = torch.autograd.grad(model(features).square().sum(), inputs, create_graph=True)
        return torch.autograd.grad(sum(gradient.square().sum() for gradient in first), inputs)

    wanted = second(layers(3, activation))
    torch.testing.assert_close(second(replace_by_native(layers(3, activation))), wanted, rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        lambda features: features.contiguous(),
        lambda features: features[:, :, ::2],
        lambda features: features[:0],
        lambda features: features[:, :, :, :1].expand(-1, -1, -1, 5),
    ],
    ids=["contiguous", "every second row", "empty", "expanded"],
)
def test_other_tensors_are_computed_by_torch_to_the_bit(change: Callable[[Tensor], Tensor]) -> None:
    features = change(drawn((4, 6, 8, 8)))
    plain, native = layers(6).eval(), replace_by_native(layers(6)).eval()
    assert torch.equal(native(features), plain(features))


def test_float64_and_half_precision_weights_are_computed_by_torch_to_the_bit() -> None:
    for dtype in (torch.float64, torch.bfloat16):
        features = drawn((4, 6, 8, 8)).to(dtype)
        plain, native = layers(6).to(dtype), replace_by_native(layers(6)).to(dtype)
        assert torch.equal(native(features), plain(features))


def test_one_pixel_of_one_image_is_refused_in_training_in_torchs_words() -> None:
    with pytest.raises(ValueError, match="Expected more than 1 value per channel"):
        replace_by_native(layers(6))(drawn((1, 6, 1, 1)))


def test_a_wrong_number_of_channels_is_refused_by_torch() -> None:
    with pytest.raises(RuntimeError, match="running_mean"):
        replace_by_native(layers(6))(drawn((2, 4, 3, 3)))


def test_under_autocast_features_keep_their_precision() -> None:
    native, features = replace_by_native(layers(6)), drawn((4, 6, 3, 3))
    with torch.autocast("cpu", torch.bfloat16):
        assert native(features).dtype == layers(6)(features).dtype == torch.float32
        assert native(features.bfloat16()).dtype == torch.bfloat16


def test_torch_export_still_takes_the_network() -> None:
    native, features = replace_by_native(layers(6)).eval(), drawn((4, 6, 3, 3))
    exported = torch.export.export(native, (features,)).module()
    torch.testing.assert_close(exported(features), native(features), rtol=1e-5, atol=1e-6)
