"""Numbers worked by hand against the layers that gave them, and against numbers worked on paper."""

from decimal import ROUND_HALF_EVEN, Decimal

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from cifar_cli import formatting
from cifar_cli.analysis.trace import trace_forward
from cifar_cli.analysis.worked_example import on_paper, worked_example
from cifar_cli.analysis.worked_number import WorkedExample
from cifar_cli.errors import UsageError


class Sum(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.conv = nn.Conv2d(4, 4, 3, padding=1)

    def forward(self, images: Tensor) -> Tensor:
        return images + self.conv(images)


def worked(model: nn.Module, images: Tensor, name: str = "0") -> WorkedExample:
    return worked_example(next(step for step in trace_forward(model, images, capture=name) if step.name == name))


LAYERS = [
    nn.Conv2d(4, 6, 3, padding=1),
    nn.Conv2d(4, 6, 3, stride=2, bias=False),
    nn.Conv2d(4, 8, (3, 2), dilation=2, groups=2),
    nn.Conv2d(4, 4, 3, padding=1, padding_mode="reflect"),
    nn.Conv2d(4, 4, 11, padding=5),  # no window lies wholly inside
    nn.ConvTranspose2d(4, 6, 3, stride=2, padding=1, groups=2),
    nn.MaxPool2d(2),
    nn.MaxPool2d(3, padding=1, dilation=2, ceil_mode=True),
    nn.AvgPool2d(3, stride=2, padding=1),
    nn.AvgPool2d(10, padding=2, ceil_mode=True),
    nn.AvgPool2d(10, padding=2, count_include_pad=False),
    nn.AvgPool2d(2, divisor_override=3),
    nn.AdaptiveAvgPool2d(1),
    nn.AdaptiveAvgPool2d(3),
    nn.AdaptiveMaxPool2d((1, 3)),
    nn.BatchNorm2d(4),
    nn.InstanceNorm2d(4),
    nn.GroupNorm(2, 4),
    nn.Softmax(1),
    nn.ReLU(),
    nn.ReLU(inplace=True),
    nn.ReLU6(),
    nn.LeakyReLU(0.2),
    nn.GELU(),
    nn.GELU(approximate="tanh"),
    nn.SiLU(),
    nn.Sigmoid(),
    nn.Tanh(),
    nn.Flatten(),
    nn.Flatten(2),
    nn.Unflatten(1, (2, 2)),
]


@pytest.mark.parametrize("layer", LAYERS, ids=repr)
@pytest.mark.parametrize("memory_format", [torch.contiguous_format, torch.channels_last], ids=["rows", "channels"])
def test_the_number_by_hand_is_the_layers_own(layer: nn.Module, memory_format: torch.memory_format) -> None:
    torch.manual_seed(0)
    model = nn.Sequential(layer).eval()
    if isinstance(layer, nn.BatchNorm2d):
        layer.running_mean.uniform_(-1, 1)
        layer.running_var.uniform_(0.5, 2)
        nn.init.uniform_(layer.weight)
        nn.init.uniform_(layer.bias)
    images = torch.randn(2, 4, 9, 9).contiguous(memory_format=memory_format)
    output = layer(images.clone()).detach()
    result = worked(model, images)
    assert result.by_layer == pytest.approx(float(output[0][result.place]), abs=1e-6)
    assert result.by_hand == pytest.approx(result.by_layer, rel=1e-5, abs=1e-6)
    assert result.lines[-1][1] == result.by_hand


@pytest.mark.parametrize("bias", [True, False])
def test_a_linear_layers_lines_add_up_to_its_number(bias: bool) -> None:
    torch.manual_seed(0)
    layer = nn.Linear(40, 5, bias=bias)
    images = torch.randn(2, 4, 5, 2)
    result = worked(nn.Sequential(nn.Flatten(), layer), images, "1")
    row = layer(images.flatten(1))[0].detach()
    assert result.place == (int(row.argmax()),)
    assert result.by_layer == pytest.approx(float(row.max()), rel=1e-6)
    assert sum(number for _, number in result.lines[:-1]) == pytest.approx(result.by_layer, rel=1e-5)
    assert result.lines[8][0] == "the other 32 products, which are smaller"
    assert len(result.lines) == 8 + 1 + bias + 1


def test_a_linear_layer_of_tokens_is_worked_for_the_token_of_its_largest_number() -> None:
    torch.manual_seed(0)
    layer, tokens = nn.Linear(4, 5), torch.randn(2, 3, 6, 4)
    result = worked(nn.Sequential(layer), tokens)
    expected = layer(tokens)[0].detach()
    assert float(expected[result.place]) == float(expected.max())
    assert result.place[:2] != (0, 0)
    assert result.by_hand == pytest.approx(float(expected.max()), rel=1e-5)


def test_a_convolutions_lines_are_the_sums_of_its_channels() -> None:
    torch.manual_seed(0)
    layer = nn.Conv2d(7, 2, 3)
    images = torch.randn(1, 7, 6, 6)
    result = worked(nn.Sequential(layer), images)
    channel, row, column = result.place
    products = images[0, :, row : row + 3, column : column + 3] * layer.weight[channel]
    (title, first), *_ = [(grids.title, dict(grids.matrices)) for grids in result.grids]
    shown = int(title.removeprefix("input channel "))
    assert torch.allclose(first["products"].float(), products[shown], atol=1e-6)
    assert torch.equal(first["patch"].float(), images[0, shown, row : row + 3, column : column + 3])
    assert torch.equal(first["filter"].float(), layer.weight[channel, shown])
    assert result.lines[0] == (
        f"products of {title}, added up",
        pytest.approx(float(products[shown].sum().detach()), abs=1e-6),
    )
    assert result.lines[3][0] == "products of the other 4 channels"
    assert result.lines[4] == ("bias", float(layer.bias[channel].detach()))
    assert sum(number for _, number in result.lines[:-1]) == pytest.approx(result.by_hand)


def test_the_lessons_window_gives_18() -> None:
    # The 5×5 image and the kernel of the lesson on convolutions, whose output is 10 12 12 / 18 16 16 / 13 9 3.
    image = [[1, 2, 0, 3, 1], [0, 1, 2, 3, 1], [1, 2, 1, 0, 0], [5, 2, 3, 1, 1], [2, 1, 0, 1, 1]]
    layer = nn.Conv2d(1, 1, 3, bias=False)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor([[[[1.0, 2, 1], [0, 1, 0], [2, 1, 0]]]]))
    result = worked(nn.Sequential(layer), torch.tensor(image).float()[None, None])
    assert (result.place, result.by_hand, result.by_layer) == ((0, 1, 0), 18, 18)


def test_the_sum_of_two_branches_is_worked_too() -> None:
    torch.manual_seed(0)
    model, images = nn.Sequential(Sum()), torch.randn(1, 4, 6, 6)
    result = worked(model, images, "0:add")
    assert [text for text, _ in result.lines] == ["image", "+ 0.conv", "="]
    assert result.by_hand == pytest.approx(float(model(images).detach().max()), rel=1e-6)
    assert result.by_layer == pytest.approx(result.by_hand, rel=1e-6)


def test_a_function_between_layers_is_worked_like_a_layer() -> None:
    class Functional(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.conv = nn.Conv2d(4, 4, 3)

        def forward(self, images: Tensor) -> Tensor:
            return F.relu(self.conv(images))

    images = torch.randn(1, 4, 6, 6)
    result = worked(Functional(), images, "relu")
    assert result.by_hand == result.by_layer > 0


@pytest.mark.parametrize(
    ("layer", "message"),
    [
        (
            nn.Dropout(),
            "--layer 0: Dropout changes nothing here, so there is nothing to work by hand; choose a layer that "
            "computes something",
        ),
        (
            nn.LPPool2d(2, 2),
            "--layer 0: expected a layer whose numbers can be worked by hand (convolution, pooling, Linear, "
            "BatchNorm, GroupNorm, Flatten, addition, Softmax, ReLU, ReLU6, LeakyReLU, Sigmoid, Tanh, SiLU, GELU), "
            "found LPPool2d; choose another of the table's rows",
        ),
    ],
    ids=["Dropout", "LPPool2d"],
)
def test_a_layer_without_a_worked_example_is_refused(layer: nn.Module, message: str) -> None:
    with pytest.raises(UsageError) as caught:
        worked(nn.Sequential(layer), torch.randn(1, 4, 6, 6))
    assert str(caught.value) == message


def on_paper_of(model: nn.Module, images: torch.Tensor, layer: str) -> WorkedExample:
    with torch.no_grad():
        return on_paper(next(step for step in trace_forward(model, images, capture=layer) if step.name == layer))


def written(number: float, worked: WorkedExample) -> Decimal:
    """The number as it is shown."""
    return Decimal(formatting.signed(number, digits=worked.digits).replace("−", "-"))


def test_every_product_and_sum_on_paper_follows_from_the_digits_shown() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Conv2d(5, 4, 3))
    worked = on_paper_of(model, torch.randn(1, 5, 9, 9), "0")
    unit = Decimal(1).scaleb(-worked.digits)
    for grids, (_, line) in zip(worked.grids, worked.lines, strict=False):
        matrices = dict(grids.matrices)
        flat = zip(*(matrices[name].flatten().tolist() for name in ("patch", "filter", "products")), strict=True)
        rows = [tuple(written(number, worked) for number in cells) for cells in flat]
        assert all((patch * weight).quantize(unit, ROUND_HALF_EVEN) == product for patch, weight, product in rows)
        assert sum(product for _, _, product in rows) == written(line, worked)
    *terms, (_, total) = worked.lines
    assert sum(written(number, worked) for _, number in terms) == written(total, worked)
    assert worked.by_hand == pytest.approx(worked.by_layer, abs=0.005)


def test_a_linear_layer_on_paper_follows_from_the_digits_shown() -> None:
    torch.manual_seed(1)
    worked = on_paper_of(nn.Sequential(nn.Flatten(), nn.Linear(48, 3)), torch.randn(1, 3, 4, 4), "1")
    unit = Decimal(1).scaleb(-worked.digits)
    for text, product in worked.lines[:8]:
        left, right = (Decimal(part.replace("−", "-")) for part in text.split(" = ")[1].split(" · "))
        assert (left * right).quantize(unit, ROUND_HALF_EVEN) == written(product, worked)
    *terms, (_, total) = worked.lines
    assert sum(written(number, worked) for _, number in terms) == written(total, worked)


def test_a_small_variance_keeps_its_digits_on_paper() -> None:
    norm = nn.BatchNorm2d(1).eval()
    norm.running_var.fill_(0.00012345)
    norm.running_mean.fill_(0.5)
    worked = on_paper_of(nn.Sequential(norm).eval(), torch.full((1, 1, 2, 2), 0.51), "0")
    lines = {text: float(written(number, worked)) for text, number in worked.lines}
    assert lines["σ², the variance of channel 0"] == pytest.approx(0.00012345, rel=1e-3)
    variance = lines["σ², the variance of channel 0"]
    by_reader = (lines["x"] - lines["μ, the mean of channel 0"]) / (variance + 1e-5) ** 0.5
    assert lines["(x − μ) / √(σ² + 1e-05)"] == pytest.approx(by_reader, abs=10.0**-worked.digits)
