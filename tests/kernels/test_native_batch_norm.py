"""BatchNorm, addition of a shortcut and ReLU in one pass: torch's values up to rounding, the bits of three passes."""

import copy
from collections.abc import Callable, Iterator
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli.builders.build_model import build_model
from cifar_cli.config import load_text, to_flow_yaml
from cifar_cli.kernels.native_batch_norm import NativeBatchNorm2d
from cifar_cli.kernels.native_calls import NO_ACTIVATION, SUM_RELU
from cifar_cli.kernels.native_library import native_library
from cifar_cli.kernels.native_modules import replace_by_native
from cifar_cli.models.table import MODELS

pytestmark = pytest.mark.skipif(native_library().library is None, reason=native_library().words)

TOLERANCE = {torch.float32: 2e-6, torch.bfloat16: 2.0**-8}
SHAPES = [(6, 16, 9, 7), (3, 1, 5, 5), (4, 1000, 3, 2), (200, 8, 32, 1), (7, 513, 1, 1)]


class ResidualEnd(nn.Module):
    """The end of a residual block."""

    added: ClassVar = {"norm": "relu"}

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.norm, self.relu = nn.BatchNorm2d(channels), nn.ReLU(inplace=True)
        numbers = torch.rand(2, channels, generator=torch.Generator().manual_seed(1))
        self.norm.weight.data, self.norm.bias.data = numbers[0] + 0.5, numbers[1] - 0.5

    def forward(self, features: Tensor, shortcut: Tensor) -> Tensor:
        activated: Tensor = self.relu(self.norm(features) + shortcut)
        return activated


def drawn(shape: tuple[int, ...], dtype: torch.dtype = torch.float32, *, seed: int = 0) -> Tensor:
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return (1.5 * numbers + 0.3).to(dtype).contiguous(memory_format=torch.channels_last)


def three(shape: tuple[int, ...], dtype: torch.dtype = torch.float32) -> Iterator[Tensor]:
    """Yields features, a shortcut and a gradient."""
    return (drawn(shape, dtype, seed=seed) for seed in range(3))


def native(channels: int, *, in_passes: bool = False) -> ResidualEnd:
    """Returns the end of a block; `in_passes`, somebody looks at the BatchNorm, which therefore computes alone."""
    end = replace_by_native(ResidualEnd(channels))
    assert isinstance(end, ResidualEnd)
    if in_passes:
        end.norm.register_forward_hook(lambda module, args, output: None)
    return end


def values_and_gradients(end: nn.Module, features: Tensor, shortcut: Tensor, gradient: Tensor) -> list[Tensor]:
    inputs = [features.detach().requires_grad_(), shortcut.detach().requires_grad_()]
    activated = end(*inputs)
    return [activated.detach(), *torch.autograd.grad(activated, [*inputs, *end.parameters()], gradient)]


def assert_same_bits(got: list[Tensor], wanted: list[Tensor]) -> None:
    assert all(torch.equal(ours, theirs) for ours, theirs in zip(got, wanted, strict=True))


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_values_gradients_and_statistics_are_torchs_in_float64(
    shape: tuple[int, ...], dtype: torch.dtype, training: bool
) -> None:
    features, shortcut, gradient = three(shape, dtype)
    end, exact = native(shape[1]).train(training), ResidualEnd(shape[1]).double().train(training)
    got = values_and_gradients(end, features, shortcut, gradient)
    leaf = features.double().requires_grad_()
    normalized = exact.norm(leaf)
    # As three layers would store them: which gradients pass depends on the sign of the rounded sum.
    activated = F.relu(normalized.detach().to(dtype) + shortcut)
    of_sum = gradient.masked_fill(activated <= 0, 0)
    of_features, *of_weights = torch.autograd.grad(normalized, [leaf, *exact.parameters()], of_sum.double())
    for value, wanted in zip(got, [activated, of_features, of_sum, *of_weights], strict=True):
        terms = features.numel() ** 0.5 if wanted.dim() == 1 else 0.0
        assert (value.double() - wanted.double()).norm() <= TOLERANCE[dtype] * max(wanted.norm().item(), terms)
    for ours, theirs in zip(end.buffers(), exact.buffers(), strict=True):
        torch.testing.assert_close(ours, theirs.to(ours.dtype), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("training", [True, False], ids=["training", "evaluation"])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_one_pass_gives_the_bits_of_three(
    shape: tuple[int, ...], dtype: torch.dtype, training: bool, activations_computed: list[int]
) -> None:
    one, passes = native(shape[1]).train(training), native(shape[1], in_passes=True).train(training)
    assert_same_bits(
        values_and_gradients(one, *three(shape, dtype)), values_and_gradients(passes, *three(shape, dtype))
    )
    assert_same_bits(list(one.state_dict().values()), list(passes.state_dict().values()))
    assert activations_computed == [SUM_RELU, NO_ACTIVATION]


@pytest.mark.parametrize("layer", ["norm", "relu"])
@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward"])
def test_a_hook_sees_what_each_layer_takes_and_gives_and_changes_no_bit(layer: str, kind: str) -> None:
    seen: list[Tensor] = []

    def keep(module: nn.Module, first: object, second: object = None) -> None:
        found = first if kind == "forward_pre" else second
        seen.append((found[0] if isinstance(found, tuple) else found).detach().clone())  # type: ignore[union-attr]

    watched = native(4)
    for model in (watched, plain := ResidualEnd(4)):
        model.relu.inplace = False  # what torch asks for with a hook on the gradients
        getattr(model.get_submodule(layer), f"register_{kind}_hook")(keep)
    features, shortcut, gradient = three((5, 4, 6, 6))
    got = values_and_gradients(watched, features, shortcut, gradient)
    assert_same_bits(got, values_and_gradients(native(4), features, shortcut, gradient))
    values_and_gradients(plain, features, shortcut, gradient)
    torch.testing.assert_close(seen[0], seen[1], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("value", [float("nan"), float("inf"), -float("inf")])
@pytest.mark.parametrize("term", [0, 1])
@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
def test_a_number_that_is_not_finite_stays_so_where_torch_has_it(value: float, term: int, dtype: torch.dtype) -> None:
    tensors = list(three((4, 5, 3, 3), dtype))
    tensors[term][1, 2, 0, 1] = value
    tensors[2][2, 3, 1, 1] = value
    got, wanted = values_and_gradients(native(5), *tensors), values_and_gradients(ResidualEnd(5), *tensors)
    for ours, theirs in zip(got, wanted, strict=True):
        assert torch.equal(ours.isfinite(), theirs.isfinite())


def test_the_bits_do_not_depend_on_the_number_of_threads() -> None:
    threads, results = torch.get_num_threads(), []
    try:
        for count in (1, 2, 3):
            torch.set_num_threads(count)
            results.append(values_and_gradients(native(16), *three((40, 16, 17, 17))))
    finally:
        torch.set_num_threads(threads)
    for other in results[1:]:
        assert_same_bits(results[0], other)


@pytest.mark.parametrize("is_second", [False, True], ids=["first derivative", "second derivative"])
@pytest.mark.parametrize("frozen", ["features", "shortcut", "norm.weight", "norm.bias", "all but the shortcut"])
def test_what_is_frozen_gets_no_gradient_and_the_others_get_torchs(frozen: str, is_second: bool) -> None:
    def gradients(end: nn.Module) -> dict[str, Tensor]:
        features, shortcut, gradient = three((9, 6, 5, 4))
        inputs = {"features": features, "shortcut": shortcut, **dict(end.named_parameters())}
        for name, tensor in inputs.items():
            tensor.requires_grad_(name == "shortcut" if frozen == "all but the shortcut" else name != frozen)
        loss = (end(features, shortcut) * gradient).square().sum()
        wanted = {name: tensor for name, tensor in inputs.items() if tensor.requires_grad}
        found = torch.autograd.grad(loss, list(wanted.values()), create_graph=is_second)
        if is_second:
            found = torch.autograd.grad(sum(of_one.square().sum() for of_one in found), list(wanted.values()))
        return dict(zip(wanted, found, strict=True))

    torch.testing.assert_close(gradients(native(6)), gradients(ResidualEnd(6)), rtol=1e-3, atol=1e-3)


@pytest.mark.parametrize(
    "change",
    [
        lambda shortcut: shortcut.contiguous(),
        lambda shortcut: shortcut[:, :, :1],
        lambda shortcut: shortcut.bfloat16(),
        lambda shortcut: shortcut.double(),
        lambda shortcut: 0.5,
    ],
    ids=["contiguous", "one row for all", "bf16", "float64", "a number"],
)
def test_another_shortcut_is_added_by_torch(
    change: Callable[[Tensor], Tensor], activations_computed: list[int]
) -> None:
    features, shortcut, _ = three((4, 6, 8, 8))
    got, wanted = (end(features, change(shortcut)) for end in (native(6), ResidualEnd(6)))
    torch.testing.assert_close(got, wanted, rtol=1e-5, atol=1e-5)
    assert activations_computed == [NO_ACTIVATION]


def shortcut_first(residual: Tensor, shortcut: Tensor) -> Tensor:
    return shortcut + residual


def shortcut_in_place(residual: Tensor, shortcut: Tensor) -> Tensor:
    shortcut += residual
    return shortcut


@pytest.mark.parametrize("add", [shortcut_first, shortcut_in_place], ids=lambda add: add.__name__)
def test_the_shortcut_may_come_first(add: Callable[[Tensor, Tensor], Tensor], activations_computed: list[int]) -> None:
    features, shortcut, _ = three((4, 6, 8, 8))
    one, other = native(6), native(6)
    assert torch.equal(other.relu(add(other.norm(features), shortcut.clone())), one(features, shortcut))
    assert activations_computed == [SUM_RELU, SUM_RELU]


def test_a_batch_norm_that_is_called_in_two_places_waits_for_no_addition() -> None:
    end = ResidualEnd(4)
    model, features = nn.Sequential(end.norm, nn.Conv2d(4, 4, 1)), drawn((2, 4, 5, 5))
    expected = model(features)
    replace_by_native(nn.ModuleList([end, model]))
    torch.testing.assert_close(model(features), expected, rtol=1e-5, atol=1e-5)


def test_no_more_memory_is_kept_for_the_way_back_than_by_three_passes() -> None:
    def kept_bytes(*, in_passes: bool) -> int:
        kept: dict[int, int] = {}

        def keep(tensor: Tensor) -> Tensor:
            kept[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage().nbytes()
            return tensor

        end = native(8, in_passes=in_passes)
        conv = nn.Conv2d(8, 8, 1)  # the next layer, which keeps the block's output
        features, shortcut, _ = (tensor.requires_grad_() for tensor in three((4, 8, 6, 6)))
        with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
            conv(end(features, shortcut))
        return sum(kept.values())

    assert kept_bytes(in_passes=False) == kept_bytes(in_passes=True)


@pytest.mark.parametrize("dtype", TOLERANCE, ids=str)
@pytest.mark.parametrize(
    ("name", "sums"),
    [("resnet20", 3), ("resnet18", 2), ("resnet50", 2), ("resnext29_4x64d", 2), ("dla", 5), ("repvgg_a0", 2)],
)
def test_a_network_trained_in_one_pass_for_each_sum_has_the_bits_of_three(
    name: str, sums: int, dtype: torch.dtype, activations_computed: list[int]
) -> None:
    experiment = load_text(f"model: {to_flow_yaml({'name': name, **MODELS[name].example})}\n", location="a test")
    torch.manual_seed(0)
    one = replace_by_native(build_model(experiment).to(memory_format=torch.channels_last))
    passes = copy.deepcopy(one)
    for layer in passes.modules():
        if isinstance(layer, NativeBatchNorm2d) and layer.is_added:
            layer.register_forward_hook(lambda module, args, output: None)
    for model in (one, passes):
        optimizer = torch.optim.SGD(model.parameters(), lr=0.1, momentum=0.9)
        for seed in range(3):
            optimizer.zero_grad()
            with torch.autocast("cpu", torch.bfloat16, enabled=dtype == torch.bfloat16):
                logits = model(drawn((4, 3, 16, 16), seed=seed))
            F.cross_entropy(logits.float(), torch.arange(4)).backward()
            optimizer.step()
    assert activations_computed.count(SUM_RELU) == 3 * sums
    assert_same_bits(list(one.state_dict().values()), list(passes.state_dict().values()))
