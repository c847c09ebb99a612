"""The trace against torch: FLOPs, shapes and parameters of every network there is, and the order of residual ones."""

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.attention import SDPBackend, sdpa_kernel
from torch.utils.flop_counter import FlopCounterMode
from torchvision.models import resnet18

from cifar_cli import config
from cifar_cli.analysis import trace
from cifar_cli.analysis.network_summary import summarize_network
from cifar_cli.analysis.trace import trace_forward
from cifar_cli.builders.build_model import build_model
from cifar_cli.config.config_files import builtins
from cifar_cli.models.cnn import CNN
from cifar_cli.models.mlp import mlp
from cifar_cli.models.table import MODELS


class Residual(nn.Module):
    """A sum of two branches, one layer used twice, a function between, weights outside of any layer, and idle ones."""

    def __init__(self) -> None:
        super().__init__()
        self.stem = nn.Conv2d(3, 8, 3, padding=1)
        self.conv = nn.Conv2d(8, 8, 3, padding=1, bias=False)
        self.relu = nn.ReLU(inplace=True)
        self.scale = nn.Parameter(torch.full((8, 1, 1), 0.5))
        self.idle = nn.Linear(7, 3)
        self.fc = nn.Linear(8, 10)

    def forward(self, images: Tensor) -> Tensor:
        features = self.relu(self.stem(images))
        features = features + self.scale * F.max_pool2d(self.conv(features), 3, stride=1, padding=1)
        return self.fc(self.relu(features).mean((2, 3)))


def example_of(name: str) -> config.Experiment:
    return config.load("mlp", [f"model={config.to_flow_yaml({'name': name, **MODELS[name].example})}"])


NETWORKS = {
    "mlp": lambda: mlp(image_shape=(3, 32, 32), num_classes=10),
    "cnn": lambda: CNN(image_shape=(3, 32, 32), num_classes=10),
    "residual": Residual,
    "resnet18": lambda: resnet18(num_classes=10),
    **{f"models/{name}": lambda name=name: build_model(example_of(name)) for name in MODELS if not MODELS[name].is_own},
    **{f"configs/{name}": lambda path=path: build_model(config.load(path)) for name, path in builtins().items()},
}


@pytest.mark.parametrize("name", NETWORKS)
def test_flops_and_parameters_are_those_that_torch_counts(name: str) -> None:
    model = NETWORKS[name]().eval()
    images = torch.randn(2, 3, 32, 32)
    # Without a fast algorithm, attention is the products of matrices that torch counts on every device.
    with FlopCounterMode(display=False) as counter, torch.no_grad(), sdpa_kernel(SDPBackend.MATH):
        logits = model(images)
    steps = trace_forward(model, images)
    assert sum(step.flops for step in steps) == counter.get_total_flops()
    assert steps[-1].output_shape == tuple(logits.shape)
    counted = summarize_network(model, steps, batch_size=2, image_shape=(3, 32, 32))
    assert 2 * counted.totals.flops == counter.get_total_flops()
    assert counted.totals.parameters == sum(p.numel() for p in model.parameters())
    assert counted.totals.unused_parameters == (24 if name == "residual" else 0)
    assert "?" not in {step.formula for step in steps}


def test_attention_costs_two_products_of_matrices_on_a_cpu_too() -> None:
    class Attention(nn.Module):
        def forward(self, tokens: Tensor) -> Tensor:
            return F.scaled_dot_product_attention(tokens, tokens, tokens)

    (step,) = trace_forward(Attention(), torch.randn(2, 3, 7, 16))
    # In each of 2·3 heads: 7×7 scores of 16 products, and 7×16 means of 7.
    assert step.flops == 2 * 3 * (2 * 7 * 7 * 16 + 2 * 7 * 16 * 7)


def test_the_tutorials_network_costs_what_its_formulas_say() -> None:
    steps = trace_forward(NETWORKS["configs/tutorial"](), torch.randn(4, 3, 32, 32))
    # A multiplication and an addition for each weight at each place of the output.
    expected = [
        2 * (3 * 5 * 5) * 32 * 32 * 32,
        0,
        2 * (32 * 5 * 5) * 32 * 16 * 16,
        0,
        2 * (32 * 5 * 5) * 64 * 8 * 8,
        0,
        0,
        2 * 1024 * 64,
        2 * 64 * 10,
    ]
    assert [step.flops / 4 for step in steps] == expected
    assert [step.parameters for step in steps] == [2432, 0, 25632, 0, 51264, 0, 0, 65600, 650]
    assert [step.formula for step in steps] == [
        "⌊(32 + 2·2 − 5)/1⌋ + 1 = 32",
        "⌊(32 + 2·0 − 2)/2⌋ + 1 = 16",
        "⌊(16 + 2·2 − 5)/1⌋ + 1 = 16",
        "⌊(16 + 2·0 − 2)/2⌋ + 1 = 8",
        "⌊(8 + 2·2 − 5)/1⌋ + 1 = 8",
        "⌊(8 + 2·0 − 2)/2⌋ + 1 = 4",
        "64·4·4 = 1024",
        "64 sums of 1024 products + bias",
        "10 sums of 64 products + bias",
    ]


def test_a_residual_network_is_traced_as_it_runs() -> None:
    model = Residual()
    steps = {step.name: step for step in trace_forward(model, torch.randn(2, 3, 32, 32))}
    assert list(steps) == ["stem", "relu", "conv", "max_pool2d", "mul", "add", "relu#2", "mean", "fc"]
    assert steps["add"].inputs == ["relu", "mul"]
    assert steps["add"].formula == "relu + mul"
    assert steps["mul"].formula == "max_pool2d · weights"
    assert steps["mul"].parameters == 8  # the scale, which is in no layer
    assert steps["relu#2"].inputs == ["add"]
    assert steps["relu"].activation_bytes == steps["relu#2"].activation_bytes == 0  # in place
    assert steps["stem"].activation_bytes == 2 * 8 * 32 * 32 * 4
    assert steps["mean"].output_shape == (2, 8)


def test_the_branches_of_torchvisions_resnet_meet_where_they_do() -> None:
    steps = {step.name: step for step in trace_forward(resnet18(num_classes=10), torch.randn(1, 3, 64, 64))}
    assert steps["layer1.0:add"].inputs == ["layer1.0.bn2", "maxpool"]
    assert steps["layer2.0:add"].inputs == ["layer2.0.bn2", "layer2.0.downsample.1"]
    assert steps["layer2.0.downsample.0"].inputs == ["layer1.1.relu#2"]
    assert sum(name.endswith(":add") for name in steps) == 8
    assert sum(name.split("#")[0].endswith("relu") for name in steps) == 17


def test_tracing_leaves_the_model_as_it_was() -> None:
    model = NETWORKS["cnn"]()
    before = {name: value.clone() for name, value in model.state_dict().items()}
    trace_forward(model, torch.randn(2, 3, 32, 32))
    assert all(torch.equal(value, before[name]) for name, value in model.state_dict().items())
    assert all(module.training for module in model.modules())
    assert all(not m._forward_hooks and not m._forward_pre_hooks for m in model.modules())


def test_the_captured_step_has_its_input_from_before_a_later_step_overwrote_it() -> None:
    model = nn.Sequential(nn.Conv2d(3, 2, 3), nn.ReLU(inplace=True))
    images = torch.randn(1, 3, 8, 8)
    convolved, activated = model[0](images).detach(), model(images).detach()
    assert torch.equal(trace_forward(model, images, capture="0")[0].output, convolved)
    captured = trace_forward(model, images, capture="1")[1]
    assert torch.equal(captured.operations[0].arguments["self"], convolved)
    assert torch.equal(captured.output, activated)


def test_torch_compile_is_not_imported_for_a_trace() -> None:
    # torch wraps the method of a mode in a function that imports torch._dynamo when it is called, in a second.
    assert not hasattr(trace._Tracer.__torch_dispatch__, "__wrapped__")


def test_configurations_are_found() -> None:
    # Guards the tests above.
    assert {"configs/tutorial", "configs/layers/maxpool"} <= NETWORKS.keys()
