"""Steps held against torch's own optimizers; groups, freezing and clipping."""

from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from torch.optim.lr_scheduler import LinearLR

from cifar_cli.config.schema import CHOICES
from cifar_cli.errors import UsageError
from cifar_cli.optim.build_optimizer import build_optimizer, freeze_finished_groups, parameter_groups
from cifar_cli.optim.reported_lr import configured_lr
from cifar_cli.optim.schedules.build_schedule import build_schedule, last_lr
from cifar_cli.optim.table import OPTIMIZERS
from cifar_cli.section import load_target


def small_network() -> nn.Sequential:
    torch.manual_seed(0)
    return nn.Sequential(
        OrderedDict(conv=nn.Conv2d(3, 4, 3), norm=nn.BatchNorm2d(4), flatten=nn.Flatten(), fc=nn.Linear(64, 5))
    )


def set_gradients(model: nn.Module, *, seed: int = 1, scale: float = 1.0) -> None:
    generator = torch.Generator().manual_seed(seed)
    for parameter in model.parameters():
        parameter.grad = scale * torch.randn(parameter.shape, generator=generator)


CASES = {
    "sgd": (torch.optim.SGD, {"lr": 0.1, "momentum": 0.9, "nesterov": True}),
    "adam": (torch.optim.Adam, {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-7}),
    "adamw": (torch.optim.AdamW, {"lr": 0.01, "betas": (0.8, 0.99), "eps": 1e-7}),
}


@pytest.mark.parametrize("name", CASES)
def test_three_steps_equal_those_of_torchs_own_optimizer(name: str) -> None:
    torch_class, arguments = CASES[name]
    model, twin = small_network(), small_network()
    built = build_optimizer(name, model, weight_decay=0.05, **arguments)
    weights = [twin.conv.weight, twin.fc.weight]
    exempt = [twin.conv.bias, twin.norm.weight, twin.norm.bias, twin.fc.bias]
    expected = torch_class(
        [{"params": weights, "weight_decay": 0.05}, {"params": exempt, "weight_decay": 0.0}], **arguments
    )
    for step in range(3):
        for network, optimizer in ((model, built), (twin, expected)):
            set_gradients(network, seed=step)
            optimizer.step()
    for (key, value), other in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(value, other, rtol=0, atol=0, msg=key)


@pytest.mark.parametrize("name", CASES)
def test_with_layer_decay_a_layer_takes_the_steps_of_an_optimizer_with_its_own_learning_rate(name: str) -> None:
    torch_class, arguments = CASES[name]
    model, twin = small_network(), small_network()
    built = build_optimizer(name, model, weight_decay=0.05, layer_decay=0.5, **arguments)
    scheduler = build_schedule("linear", built, epoch_steps=[3])
    early = {"lr": 0.5 * arguments["lr"]}
    expected = torch_class(
        [
            {"params": [twin.conv.weight], "weight_decay": 0.05, **early},
            {"params": [twin.conv.bias, twin.norm.weight, twin.norm.bias], "weight_decay": 0.0, **early},
            {"params": [twin.fc.weight], "weight_decay": 0.05},
            {"params": [twin.fc.bias], "weight_decay": 0.0},
        ],
        **arguments,
    )
    own = LinearLR(expected, start_factor=1.0, end_factor=0.0, total_iters=3)
    for step in range(3):
        for network, optimizer, schedule in ((model, built, scheduler), (twin, expected, own)):
            set_gradients(network, seed=step)
            optimizer.step()
            schedule.step()
    for (key, value), other in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(value, other, rtol=1e-6, atol=1e-7, msg=key)


def test_layer_decay_scales_groups_and_other_optimizers_and_counts_frozen_layers() -> None:
    model = nn.Sequential(OrderedDict(a=nn.Linear(2, 2), b=nn.Linear(2, 2), c=nn.Linear(2, 2)))
    model.a.bias.requires_grad_(False)
    model.c.weight.requires_grad_(False)
    groups = [{"parameters": ["*.bias"], "name": "sgd", "lr": 8.0, "weight_decay": 0.0, "epochs": 1}]
    optimizer = build_optimizer("muon", model, groups=groups, lr=0.4, weight_decay=0.0, layer_decay=0.5)
    scheduler = build_schedule("constant", optimizer, epoch_steps=[2, 2])
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    lrs = {names[id(each)]: group["lr"] for group in optimizer.param_groups for each in group["params"]}
    assert lrs == {"a.weight": 0.1, "b.weight": 0.2, "b.bias": 4.0, "c.bias": 8.0}
    for _ in range(2):
        optimizer.step()
        scheduler.step()
    assert [group["lr"] for group in optimizer.param_groups] == [0.1, 0.2, 0, 0]
    assert (configured_lr(scheduler)[:2], last_lr(scheduler)) == (("optimizer.lr", 0.4), 0.4)  # as of the last layer


@pytest.mark.parametrize(
    "norm",
    [
        nn.BatchNorm2d(4),
        nn.SyncBatchNorm(4),
        nn.InstanceNorm2d(4, affine=True),
        nn.GroupNorm(2, 4),
        nn.LayerNorm((4, 6, 6)),
    ],
    ids=lambda norm: type(norm).__name__,
)
def test_biases_and_normalization_layers_are_exempt_from_weight_decay_and_nothing_else_is(norm: nn.Module) -> None:
    model = nn.Sequential(nn.Conv2d(3, 4, 3), norm, nn.Flatten(), nn.Linear(144, 5))
    decayed, exempt = parameter_groups(model, weight_decay=0.1)
    assert (decayed["weight_decay"], exempt["weight_decay"]) == (0.1, 0.0)
    assert [id(p) for p in decayed["params"]] == [id(model[0].weight), id(model[3].weight)]
    assert {id(p) for p in exempt["params"]} == {id(p) for p in (model[0].bias, norm.weight, norm.bias, model[3].bias)}


def test_prelu_is_exempt_from_weight_decay() -> None:
    # torch's documentation asks for it: with decay, the slope would be drawn to that of ReLU.
    model = nn.Sequential(nn.Linear(4, 3), nn.PReLU(3))
    decayed, exempt = parameter_groups(model, weight_decay=0.1)
    assert [id(p) for p in decayed["params"]] == [id(model[0].weight)]
    assert {id(p) for p in exempt["params"]} == {id(model[0].bias), id(model[1].weight)}


def test_with_decay_norm_and_bias_everything_decays() -> None:
    groups = parameter_groups(small_network(), weight_decay=0.1, decay_norm_and_bias=True)
    assert [(len(group["params"]), group["weight_decay"]) for group in groups] == [(6, 0.1)]


def test_frozen_parameters_are_left_out_and_no_group_is_empty() -> None:
    model = small_network()
    model.conv.requires_grad_(False)
    model.norm.requires_grad_(False)
    model.fc.bias.requires_grad_(False)
    groups = parameter_groups(model, weight_decay=0.1)
    assert [[id(p) for p in group["params"]] for group in groups] == [[id(model.fc.weight)]]


def total_norm(gradients: list[Tensor]) -> float:
    return sum(float((gradient.double() ** 2).sum()) for gradient in gradients) ** 0.5


@pytest.mark.parametrize("scale", [1e-3, 1.0, 1e3])
def test_large_gradients_are_clipped_to_the_norm_before_the_step_and_small_ones_are_not_changed(scale: float) -> None:
    model = small_network()
    optimizer = build_optimizer("sgd", model, weight_decay=0.0, clip_grad_norm=0.5, lr=1.0)
    set_gradients(model, scale=scale)
    before = [parameter.detach().clone() for parameter in model.parameters()]
    gradients = [parameter.grad.clone() for parameter in model.parameters()]
    optimizer.step()
    # At a learning rate of 1 the change of the parameters is the gradient that the step used.
    change = [old - parameter.detach() for old, parameter in zip(before, model.parameters(), strict=True)]
    assert total_norm(change) == pytest.approx(min(total_norm(gradients), 0.5), rel=1e-4)


OPTIMIZER_SECTIONS = CHOICES["optimizer"].sections()


@pytest.mark.parametrize("name", OPTIMIZER_SECTIONS)
def test_the_configurations_keys_are_the_builders_arguments(name: str) -> None:
    arguments = OPTIMIZER_SECTIONS[name]().model_dump()
    model = small_network()
    # Muon takes no parameter with one dimension.
    model.requires_grad_(False)
    model.conv.weight.requires_grad_(True)
    optimizer = build_optimizer(model=model, fused=True, **arguments)
    assert type(optimizer) is load_target(OPTIMIZERS[name].target)
    (group,) = optimizer.param_groups
    for key in arguments.keys() - {"name", "groups", "layer_decay", "decay_norm_and_bias"}:
        assert group[key] == arguments[key]


GROUPS = [
    {"parameters": ["norm.*"], "name": "adamw", "lr": 0.3, "weight_decay": 0.2, "decay_norm_and_bias": True},
    {"parameters": ["*.bias"], "name": "sgd", "lr": 0.1, "weight_decay": 0.5, "momentum": 0.9},
    {"parameters": ["fc.*"], "name": "sgd", "lr": 0.2, "weight_decay": 0.0, "epochs": 2},
]


def grouped(model: nn.Module, **arguments: object) -> torch.optim.Optimizer:
    return build_optimizer("sgd", model, lr=0.05, weight_decay=0.1, groups=GROUPS[:1] + GROUPS[2:], **arguments)


def test_a_parameter_belongs_to_the_first_group_that_matches_it_and_else_to_the_section() -> None:
    model = small_network()
    optimizer = build_optimizer("sgd", model, lr=0.05, weight_decay=0.1, groups=GROUPS)
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    divided = [(group["lr"], [names[id(p)] for p in group["params"]]) for group in optimizer.param_groups]
    assert divided == [
        (0.05, ["conv.weight"]),
        (0.1, ["conv.bias", "fc.bias"]),
        (0.2, ["fc.weight"]),
        (0.3, ["norm.weight", "norm.bias"]),
    ]
    # Biases do not decay in a group either, unless it has decay_norm_and_bias.
    assert [group["weight_decay"] for group in optimizer.param_groups] == [0.1, 0.0, 0.0, 0.2]


@pytest.mark.parametrize("fused", [False, True])
def test_three_steps_of_groups_equal_those_of_torchs_own_optimizers_side_by_side(fused: bool) -> None:
    model, twin = small_network(), small_network()
    built = grouped(model, fused=fused)
    expected = [
        torch.optim.SGD(
            [
                {"params": [twin.conv.weight], "lr": 0.05, "weight_decay": 0.1},
                {"params": [twin.conv.bias], "lr": 0.05},
                {"params": [twin.fc.weight, twin.fc.bias], "lr": 0.2},
            ]
        ),
        torch.optim.AdamW([twin.norm.weight, twin.norm.bias], lr=0.3, weight_decay=0.2),
    ]
    for step in range(3):
        for network, optimizers in ((model, [built]), (twin, expected)):
            set_gradients(network, seed=step)
            for optimizer in optimizers:
                optimizer.step()
    for (key, value), other in zip(model.state_dict().items(), twin.state_dict().values(), strict=True):
        torch.testing.assert_close(value, other, msg=key)


@pytest.mark.parametrize("epochs", [1.5, 2])
@pytest.mark.parametrize(("epoch", "is_trained"), [(0, True), (1, True), (2, False), (3, False)])
def test_a_group_is_frozen_from_the_first_epoch_that_starts_after_its_epochs(
    epoch: int, is_trained: bool, epochs: float
) -> None:
    model = small_network()
    set_gradients(model)
    groups = [{"name": "sgd", "parameters": ["conv.*"], "lr": 1, "weight_decay": 0.0, "epochs": epochs}]
    optimizer = build_optimizer("sgd", model, groups=groups, lr=0.1, weight_decay=0.0)
    freeze_finished_groups(optimizer, epoch=epoch)
    trained = {name for name, parameter in model.named_parameters() if parameter.requires_grad}
    conv = {"conv.weight", "conv.bias"}
    assert trained == {"norm.weight", "norm.bias", "fc.weight", "fc.bias"} | (conv if is_trained else set())
    assert {name for name, parameter in model.named_parameters() if parameter.grad is not None} == trained


def test_the_last_groups_are_not_frozen_since_a_loss_needs_a_gradient() -> None:
    model = small_network()
    groups = [{"name": "sgd", "parameters": ["*"], "lr": 1, "weight_decay": 0.0, "epochs": 1}]
    optimizer = build_optimizer("sgd", model, groups=groups, lr=0.1, weight_decay=0.0)
    freeze_finished_groups(optimizer, epoch=2)
    assert all(parameter.requires_grad for parameter in model.parameters())


def test_clipping_is_by_the_norm_of_all_groups_together() -> None:
    model = small_network()
    optimizer = grouped(model, clip_grad_norm=0.5)
    set_gradients(model)
    optimizer.step()
    assert total_norm([parameter.grad for parameter in model.parameters()]) == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        (
            "convv.weight",
            "optimizer.groups.1.parameters: expected the names of parameters, found none for 'convv.weight'; "
            "did you mean 'conv.weight'?",
        ),
        (
            "z*",
            "optimizer.groups.1.parameters: expected the names of parameters, found none for 'z*'; "
            "the parameters are conv.weight, conv.bias, norm.weight, norm.bias, fc.weight, fc.bias",
        ),
        (
            "norm.b*",
            "optimizer.groups.1.parameters: expected parameters that are trained and in no group before this one, "
            "found none for 'norm.b*', which matches norm.bias; leave the pattern out, or move its group up",
        ),
    ],
)
def test_a_pattern_that_matches_no_parameter_is_an_error(pattern: str, message: str) -> None:
    groups = [GROUPS[0], {"parameters": ["conv.*", pattern], "name": "sgd", "lr": 0.1, "weight_decay": 0.0}]
    with pytest.raises(UsageError) as caught:
        build_optimizer("sgd", small_network(), lr=0.1, weight_decay=0.0, groups=groups)
    assert str(caught.value) == message


def test_parameters_that_muon_cannot_take_are_an_error() -> None:
    with pytest.raises(UsageError) as caught:
        build_optimizer("muon", small_network(), weight_decay=0.0, groups=GROUPS[:1])
    assert str(caught.value) == (
        "optimizer: muon takes filter banks and matrices only, found conv.bias, fc.bias; give them to another "
        "optimizer, in optimizer.groups: - {parameters: ['conv.bias', 'fc.bias'], name: sgd, lr: 0.05}"
    )
