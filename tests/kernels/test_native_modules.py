"""Which layers become native, that they stay what they were, and that a hook sees what each layer gives."""

import copy
import pickle
from typing import ClassVar

import pytest
import torch
from torch import Tensor, nn

from cifar_cli.builders.build_model import build_model
from cifar_cli.config import load_text, to_flow_yaml
from cifar_cli.distributed.shared_batch_norm import SharedBatchNorm
from cifar_cli.kernels import native_modules
from cifar_cli.kernels.native_activation import activate
from cifar_cli.kernels.native_batch_norm import NativeBatchNorm2d
from cifar_cli.kernels.native_calls import GELU
from cifar_cli.kernels.native_library import native_library
from cifar_cli.kernels.native_modules import NativeReLU, replace_by_native
from cifar_cli.models.table import MODELS

pytestmark = pytest.mark.skipif(native_library().library is None, reason=native_library().words)


def drawn(*shape: int, seed: int = 0) -> Tensor:
    numbers = torch.randn(shape, generator=torch.Generator().manual_seed(seed))
    return numbers.contiguous(memory_format=torch.channels_last)


def test_replacing_keeps_the_tensors_their_names_the_hooks_and_the_random_state() -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(inplace=True))).eval()
    seen: list[Tensor] = []
    model[0].register_forward_hook(lambda module, args, output: seen.append(output))
    before, names = dict(model.state_dict(keep_vars=True)), [name for name, _ in model.named_modules()]
    torch.manual_seed(0)
    number = torch.rand(1)
    torch.manual_seed(0)
    after = replace_by_native(model).state_dict(keep_vars=True)
    assert torch.equal(torch.rand(1), number)
    assert [name for name, _ in model.named_modules()] == names
    assert list(after) == list(before)
    assert all(after[name] is before[name] for name in before)
    assert [type(module) for module in model[1]] == [NativeBatchNorm2d, NativeReLU]
    assert repr(model[1]) == repr(nn.Sequential(nn.BatchNorm2d(3), nn.ReLU(inplace=True)))
    assert [type(module) for module in pickle.loads(pickle.dumps(model[1]))] == [NativeBatchNorm2d, NativeReLU]
    assert isinstance(model[1][1], nn.ReLU)
    assert model[1][1].inplace
    assert not any(module.training for module in model.modules())
    model(drawn(2, 3, 4, 4))
    assert len(seen) == 1


@pytest.mark.parametrize(
    "other",
    [
        nn.GELU(approximate="tanh"),
        nn.ReLU6(),
        nn.BatchNorm1d(3),
        nn.BatchNorm3d(3),
        nn.SyncBatchNorm(3),
        SharedBatchNorm(nn.BatchNorm2d(3)),
        nn.InstanceNorm2d(3),
    ],
    ids=lambda module: type(module).__name__,
)
def test_layers_of_other_kinds_are_left_alone(other: nn.Module) -> None:
    kind = type(other)
    assert type(replace_by_native(nn.Sequential(other))[0]) is kind


def test_a_batch_norm_computes_the_activation_behind_it_in_the_same_pass(activations_computed: list[int]) -> None:
    model = nn.Sequential(nn.BatchNorm2d(3), nn.GELU(), nn.BatchNorm2d(3), nn.Identity(), nn.GELU())
    features = drawn(5, 3, 4, 4)
    expected = model(features)
    torch.testing.assert_close(replace_by_native(model)(features), expected, rtol=1e-5, atol=1e-6)
    assert activations_computed == [2, 0]


class Named(nn.Module):
    """Calls its layers in an order of its own."""

    activated: ClassVar = {"first": "activation"}

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = nn.BatchNorm2d(3), nn.BatchNorm2d(3)
        self.activation = nn.GELU()

    def forward(self, features: Tensor) -> Tensor:
        first: Tensor = self.activation(self.first(features))
        return self.activation(self.second(first) + first)


def test_of_a_module_with_its_own_forward_the_named_pairs_are_computed_together(
    activations_computed: list[int],
) -> None:
    model, features = Named(), drawn(5, 3, 4, 4)
    expected = model(features)
    torch.testing.assert_close(replace_by_native(model)(features), expected, rtol=1e-5, atol=1e-6)
    assert activations_computed == [2, 0]


def test_an_activation_is_applied_once_by_its_norm_and_again_where_it_is_called_again() -> None:
    gelu = nn.GELU()
    model, features = nn.Sequential(nn.BatchNorm2d(3), gelu, gelu), drawn(5, 3, 4, 4)
    expected = model(features)
    torch.testing.assert_close(replace_by_native(model)(features), expected, rtol=1e-5, atol=1e-6)


def test_a_batch_norm_that_is_called_in_two_places_computes_no_activation() -> None:
    norm = nn.BatchNorm2d(3)
    model, features = nn.Sequential(norm, nn.GELU(), norm), drawn(5, 3, 4, 4)
    expected = model(features)
    torch.testing.assert_close(replace_by_native(model)(features), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("layer", [0, 1, 2])
@pytest.mark.parametrize("kind", ["forward", "forward_pre", "full_backward"])
def test_a_hook_sees_what_each_layer_gives_and_changes_no_bit(layer: int, kind: str) -> None:
    plain = nn.Sequential(nn.Conv2d(3, 4, 1), nn.BatchNorm2d(4), nn.ReLU())
    native, watched = (replace_by_native(copy.deepcopy(plain)) for _ in range(2))
    features, seen = drawn(5, 3, 4, 4), {}
    for name, model in (("plain", plain), ("watched", watched)):

        def keep(module: nn.Module, first: object, second: object = None, name: str = name) -> None:
            found = first if kind == "forward_pre" else second
            seen[name] = (found[0] if isinstance(found, tuple) else found).detach().clone()  # type: ignore[union-attr]

        getattr(model[layer], f"register_{kind}_hook")(keep)

    def trained(model: nn.Module) -> list[Tensor]:
        inputs = [features.clone().requires_grad_(), *model.parameters()]
        activated = model(inputs[0])
        return [activated, *torch.autograd.grad(activated.square().sum(), inputs)]

    trained(plain)
    for ours, theirs in zip(trained(watched), trained(native), strict=True):
        assert torch.equal(ours, theirs)
    torch.testing.assert_close(seen["watched"], seen["plain"], rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("activation", [nn.ReLU, nn.GELU, nn.SiLU])
def test_a_forward_hook_changes_no_bit_of_any_activation(activation: type[nn.Module]) -> None:
    model = replace_by_native(nn.Sequential(nn.BatchNorm2d(4), activation()))
    features = drawn(5, 4, 9, 9).bfloat16().contiguous(memory_format=torch.channels_last)
    unseen = model(features)
    model[0].register_forward_hook(lambda module, args, output: None)
    assert torch.equal(model(features), unseen)


def test_gelu_alone_is_computed_by_c_and_what_gains_nothing_by_torch(monkeypatch: pytest.MonkeyPatch) -> None:
    computed: list[int] = []

    def noted(features: Tensor, activation: int, *, inplace: bool) -> Tensor:
        computed.append(activation)
        return activate(features, activation, inplace=inplace)

    monkeypatch.setattr(native_modules, "activate", noted)
    replace_by_native(nn.Sequential(nn.ReLU(), nn.GELU(), nn.SiLU(), nn.ReLU(inplace=True)))(torch.randn(2, 3))
    assert computed == [GELU]


def test_a_copy_of_a_native_network_uses_its_own_activation(activations_computed: list[int]) -> None:
    model = replace_by_native(nn.Sequential(nn.BatchNorm2d(3), nn.GELU()))
    copied = copy.deepcopy(model)
    model[1].register_forward_hook(lambda module, args, output: None)
    features = drawn(5, 3, 4, 4)
    torch.testing.assert_close(copied(features), model(features), rtol=1e-5, atol=1e-6)
    assert activations_computed == [2, 0]


def test_every_network_computes_the_same_with_native_layers(distinct_model: str) -> None:
    example = MODELS[distinct_model].example
    experiment = load_text(f"model: {to_flow_yaml({'name': distinct_model, **example})}\n", location="a test")
    plain = build_model(experiment).to(memory_format=torch.channels_last).eval()
    native = replace_by_native(copy.deepcopy(plain))
    shape = experiment.data.image_shape
    with torch.no_grad():
        expected = plain(drawn(2, *shape))
        torch.testing.assert_close(native(drawn(2, *shape)), expected, rtol=1e-4, atol=1e-4)
