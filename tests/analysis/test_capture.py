"""What a layer took and gave, checked against torch's own functions."""

import subprocess
import sys
from collections import OrderedDict

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli.analysis.capture import capture, capture_many, find_layer, layer_names
from cifar_cli.errors import UsageError


@pytest.fixture
def model() -> nn.Sequential:
    torch.manual_seed(0)
    layers = OrderedDict(
        conv1=nn.Conv2d(3, 4, 3), relu1=nn.ReLU(inplace=True), drop=nn.Dropout(0.9), flatten=nn.Flatten()
    )
    return nn.Sequential(layers)


@pytest.fixture
def images() -> Tensor:
    return torch.randn(2, 3, 6, 6, generator=torch.Generator().manual_seed(1))


def test_names_stand_in_order_with_their_types_and_dotted_when_nested() -> None:
    model = nn.Sequential(OrderedDict(stem=nn.Conv2d(3, 4, 3), block=nn.Sequential(nn.ReLU(), nn.Conv2d(4, 4, 3))))
    assert list(layer_names(model).items()) == [
        ("stem", "Conv2d"),
        ("block", "Sequential"),
        ("block.0", "ReLU"),
        ("block.1", "Conv2d"),
    ]
    assert find_layer(model, "block.1") is model[1][1]


def test_an_unknown_layer_gets_the_nearest_name_and_the_list(model: nn.Module) -> None:
    with pytest.raises(UsageError) as caught:
        find_layer(model, "cnv1")
    assert str(caught.value) == (
        "no layer 'cnv1'; did you mean 'conv1'? "
        "The layers are: conv1 (Conv2d), relu1 (ReLU), drop (Dropout), flatten (Flatten)"
    )


def test_an_unknown_layer_like_no_other_gets_the_list_alone(model: nn.Module) -> None:
    with pytest.raises(UsageError, match=r"^no layer 'xyz'\. The layers are: conv1 \(Conv2d\), "):
        find_layer(model, "xyz")
    with pytest.raises(UsageError, match=r"^no layer ''\. The layers are: "):
        find_layer(model, "")


def test_a_very_long_list_of_layers_is_cut_short() -> None:
    with pytest.raises(UsageError) as caught:
        find_layer(nn.Sequential(*(nn.ReLU() for _ in range(100))), "head")
    assert str(caught.value).endswith("22 (ReLU), 23 (ReLU), … and 76 more")


def test_captured_output_is_the_convolution(model: nn.Sequential, images: Tensor) -> None:
    view = capture(model, images, layer="conv1")
    torch.testing.assert_close(view.input, images)
    # The next layer is an in-place ReLU: without a copy there would be no negative value left.
    torch.testing.assert_close(view.output, F.conv2d(images, model[0].weight, model[0].bias).detach())
    assert view.output.min() < 0
    assert view.reads_images
    assert not view.output.requires_grad


def test_input_of_an_in_place_layer_is_what_it_was_before(model: nn.Sequential, images: Tensor) -> None:
    view = capture(model, images, layer="relu1")
    convolved = F.conv2d(images, model[0].weight, model[0].bias).detach()
    torch.testing.assert_close(view.input, convolved)
    torch.testing.assert_close(view.output, convolved.clamp(min=0))
    assert not view.reads_images


def test_model_is_seen_in_eval_mode_and_left_as_it_was(model: nn.Sequential, images: Tensor) -> None:
    model.train()
    model[0].eval()  # frozen, as a BatchNorm may be
    view = capture(model, images, layer="drop")
    assert torch.equal(view.input, view.output)  # dropout does nothing in eval mode
    assert [module.training for module in model] == [False, True, True, True]
    assert model.training
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())


def test_model_is_left_as_it_was_when_the_run_fails(model: nn.Sequential) -> None:
    with pytest.raises(RuntimeError):
        capture(model, torch.zeros(2, 5, 6, 6), layer="conv1")
    assert all(module.training for module in model.modules())
    assert all(not module._forward_hooks and not module._forward_pre_hooks for module in model.modules())


def test_many_layers_are_captured_in_one_run(model: nn.Sequential, images: Tensor) -> None:
    runs = []
    handle = model.register_forward_hook(lambda *_: runs.append(1))
    outputs = capture_many(model, images, layers=["flatten", "conv1"])
    handle.remove()
    convolved = F.conv2d(images, model[0].weight, model[0].bias).detach()
    assert list(outputs) == ["flatten", "conv1"]
    torch.testing.assert_close(outputs["conv1"], convolved)
    torch.testing.assert_close(outputs["flatten"], convolved.clamp(min=0).reshape(2, -1))
    assert len(runs) == 1


class Odd(nn.Module):
    """Calls `twice` twice, `named` by keyword, `unused` never, and `pair` gives two tensors."""

    def __init__(self) -> None:
        super().__init__()
        self.twice = nn.Threshold(threshold=5.0, value=5.0)
        self.named = nn.Identity()
        self.unused = nn.Linear(2, 2)
        self.blocks = nn.ModuleList([nn.Identity()])
        self.pair = nn.LSTM(6, 2)
        self.clock = Clock()

    def forward(self, images: Tensor) -> Tensor:
        first = self.twice(images)
        self.twice(first + 1)
        self.pair(images[:, 0])
        self.clock(3)
        return self.blocks[0](self.named(input=first))


class Clock(nn.Module):
    def forward(self, hour: int) -> Tensor:
        return torch.tensor(hour)


def test_a_layer_called_twice_is_seen_at_its_first_call(images: Tensor) -> None:
    view = capture(Odd(), images, layer="twice")
    assert torch.equal(view.input, images)
    assert torch.equal(view.output, torch.full_like(images, 5.0))


def test_an_input_given_by_keyword_is_found(images: Tensor) -> None:
    assert torch.equal(capture(Odd(), images, layer="named").input, torch.full_like(images, 5.0))


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            "unused",
            "layer 'unused' (Linear) is never called when the model runs; "
            "choose a layer that the forward pass goes through",
        ),
        (
            "blocks",
            "layer 'blocks' (ModuleList) is never called when the model runs; look at what it holds: blocks.0",
        ),
        ("pair", "layer 'pair' (LSTM) gives a tuple, not a tensor; only layers that give one tensor can be drawn"),
        ("clock", "layer 'clock' (Clock) takes no tensor, so it cannot be drawn"),
    ],
)
def test_a_layer_that_cannot_be_seen_says_why(images: Tensor, layer: str, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        capture(Odd(), images, layer=layer)
    assert str(caught.value) == message


def test_capturing_and_grids_do_not_import_matplotlib() -> None:
    code = (
        "import sys, cifar_cli.analysis.capture, cifar_cli.analysis.describe_layer, cifar_cli.figures.grids\n"
        "sys.exit(any(name.startswith('matplotlib') for name in sys.modules))"
    )
    assert subprocess.run([sys.executable, "-c", code]).returncode == 0
