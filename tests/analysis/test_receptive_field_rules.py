"""What a number sees by arithmetic, against what its gradient reaches, and against the textbook's numbers."""

from collections.abc import Callable
from fractions import Fraction

import pytest
import torch
from torch import Tensor, nn
from torchvision.models import resnet18

from cifar_cli import config
from cifar_cli.analysis.trace import TraceStep, trace_forward
from cifar_cli.builders.build_model import build_model
from cifar_cli.models.cnn import CNN


class Branches(nn.Module):
    """Branches of different reach and a strided shortcut."""

    def __init__(self) -> None:
        super().__init__()
        self.wide = nn.Conv2d(3, 4, 5, stride=2, padding=2)
        self.wider = nn.Conv2d(4, 4, 3, padding=1)
        self.short = nn.Conv2d(3, 4, 1, stride=2)
        self.after = nn.Conv2d(4, 4, 3)

    def forward(self, images: Tensor) -> Tensor:
        return self.after(self.wider(self.wide(images)) + self.short(images))


NETWORKS: dict[str, Callable[[], nn.Module]] = {
    "tutorial": lambda: build_model(config.load("tutorial")),
    "cnn": lambda: CNN(image_shape=(3, 32, 32), num_classes=10, widths=(8, 8, 8)),
    "resnet18": lambda: resnet18(num_classes=10),
    "branches": Branches,
    "dilated and uneven": lambda: nn.Sequential(
        nn.Conv2d(3, 4, (3, 5), dilation=(2, 1), padding=(0, 2)), nn.AvgPool2d(3, ceil_mode=True), nn.Conv2d(4, 4, 3)
    ),
    "reflected": lambda: nn.Sequential(nn.Conv2d(3, 4, 5, padding=2, padding_mode="reflect"), nn.MaxPool2d(2)),
    "adaptive": lambda: nn.Sequential(nn.AdaptiveAvgPool2d(8), nn.Conv2d(3, 4, 3), nn.AdaptiveMaxPool2d(3)),
    "adaptive, uneven": lambda: nn.Sequential(nn.AdaptiveAvgPool2d((5, 12)), nn.Conv2d(3, 4, 3)),
    "enlarging": lambda: nn.Sequential(nn.AdaptiveAvgPool2d((42, 48)), nn.Conv2d(3, 4, 3)),
    "without torch's tags": lambda: nn.Sequential(
        nn.Conv2d(3, 4, 3), nn.Hardswish(), nn.Mish(True), nn.Conv2d(4, 4, 3)
    ),
    "normalized": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.GroupNorm(2, 4), nn.LocalResponseNorm(2)),
    "across channels": lambda: nn.Sequential(nn.Conv2d(3, 4, 3), nn.LocalResponseNorm(2), nn.Softmax2d()),
}


def made_visible(model: nn.Module) -> nn.Module:
    """Returns the model in float64 with positive weights, so that no gradient is cancelled out or cut off."""
    with torch.no_grad():
        for parameter in model.double().parameters():
            parameter.copy_(parameter.abs() + 0.01)
    for name, module in list(model.named_modules()):
        if isinstance(module, nn.MaxPool2d):
            # A maximum hands its gradient to one number only, a mean over the same windows to all of them.
            mean = nn.AvgPool2d(module.kernel_size, module.stride, module.padding, module.ceil_mode)
            parent, _, child = name.rpartition(".")
            setattr(model.get_submodule(parent), child, mean)
    return model.eval()


def by_gradient(model: nn.Module, layer: str, images: Tensor) -> tuple[int, list[tuple[int, int]]]:
    """Returns the middle row of a layer's output, and the pixels that its middle number's gradient reaches."""
    images = images.clone().requires_grad_()
    outputs: list[Tensor] = []
    hook = model.get_submodule(layer).register_forward_hook(lambda *call: outputs.append(call[-1].clone()))
    model(images)
    hook.remove()
    output = outputs[0]
    middle = (output.shape[2] // 2, output.shape[3] // 2) if output.dim() == 4 else ()
    # Squared: numbers that a normalization has brought to a sum of 0 would have a gradient of 0.
    (gradient,) = torch.autograd.grad((output[(..., *middle)] ** 2).sum(), images)
    reached = gradient.abs().sum(dim=(0, 1)) > 0
    rows, columns = reached.any(dim=1).nonzero().flatten(), reached.any(dim=0).nonzero().flatten()
    return len(middle), [(int(rows[0]), int(rows[-1])), (int(columns[0]), int(columns[-1]))]


def compared(step: TraceStep) -> bool:
    return (
        step.module is not None
        and "#" not in step.name
        and isinstance(
            step.module,
            nn.Conv2d
            | nn.ConvTranspose2d
            | nn.Linear
            | nn.MaxPool2d
            | nn.AvgPool2d
            | nn.AdaptiveAvgPool2d
            | nn.AdaptiveMaxPool2d
            | nn.GroupNorm
            | nn.Softmax2d,
        )
    )


@pytest.mark.parametrize("name", NETWORKS)
def test_the_middle_number_sees_what_its_gradient_reaches(name: str) -> None:
    torch.manual_seed(0)
    model = NETWORKS[name]()
    steps = [step for step in trace_forward(model, torch.rand(2, 3, 32, 32)) if compared(step)]
    made_visible(model)
    images = torch.rand(2, 3, 32, 32, dtype=torch.float64)
    assert len(steps) >= 2
    for step in steps:
        assert step.receptive_field is not None, step.name
        axes, reached = by_gradient(model, step.name, images)
        seen = [axis.seen(axis.length // 2 if axes else 0) for axis in step.receptive_field]
        assert seen == reached, step.name


def test_the_tutorials_fields_are_those_of_the_books_recurrence() -> None:
    # r ← r + (k − 1)·j and j ← j·s, by hand.
    steps = trace_forward(NETWORKS["tutorial"](), torch.randn(1, 3, 32, 32))
    assert [step.receptive_field[0].size for step in steps[:6]] == [5, 6, 14, 16, 32, 36]
    assert [step.receptive_field[0].stride for step in steps[:6]] == [1, 2, 2, 4, 4, 8]
    assert steps[-1].receptive_field[0].stride == 0


def test_resnet18_ends_with_the_435_pixels_that_are_known_of_it() -> None:
    # Araujo et al., "Computing Receptive Fields of Convolutional Neural Networks", Distill 2019: 435 for ResNet-18.
    steps = {step.name: step for step in trace_forward(resnet18(), torch.randn(1, 3, 224, 224))}
    assert steps["layer4.1:add"].receptive_field[0].size == 435
    assert steps["layer4.1:add"].receptive_field[0].stride == 32


def test_pixels_that_a_stride_leaves_out_stay_unseen() -> None:
    # Ten windows of 3 cover 30 of 32 pixels; no later layer brings the last two back.
    model = nn.Sequential(nn.MaxPool2d(3), nn.Conv2d(3, 4, 3, padding=1), nn.Flatten(), nn.Linear(400, 2))
    last = trace_forward(model, torch.randn(1, 3, 32, 32))[-1]
    assert [axis.seen(0) for axis in last.receptive_field] == [(0, 29), (0, 29)]


@pytest.mark.parametrize(("kernel", "stride", "padding"), [(4, 2, 1), (3, 2, 1), (2, 2, 0), (5, 3, 1)])
def test_the_field_of_a_transposed_convolution_is_that_of_the_number_with_the_largest(
    kernel: int, stride: int, padding: int
) -> None:
    model = made_visible(nn.Sequential(nn.ConvTranspose2d(3, 4, kernel, stride=stride, padding=padding)))
    images = torch.rand(1, 3, 12, 12, dtype=torch.float64, requires_grad=True)
    output = model(images)
    reached = []
    for row in range(kernel, 2 * kernel):  # away from the edge
        (gradient,) = torch.autograd.grad(output[0, :, row].sum(), images, retain_graph=True)
        reached.append(int((gradient.abs().sum(dim=(0, 1, 3)) > 0).sum()))
    (step,) = trace_forward(model, images.detach())
    assert step.receptive_field[0].size == max(reached)
    assert step.receptive_field[0].stride == Fraction(1, stride)


def test_a_transposed_convolution_with_a_stride_after_another_stride_has_no_known_field() -> None:
    # Of a kernel of 3 with stride 2, every second number takes in two positions, the others one.
    images = torch.randn(1, 3, 16, 16)
    pooled, uneven = trace_forward(nn.Sequential(nn.MaxPool2d(2), nn.ConvTranspose2d(3, 2, 3, stride=2)), images)
    assert pooled.receptive_field is not None
    assert uneven.receptive_field is None
    _, even = trace_forward(nn.Sequential(nn.MaxPool2d(2), nn.ConvTranspose2d(3, 2, 3)), images)
    assert even.receptive_field[0].size == 6  # three windows of two pixels


def test_a_field_that_no_rule_gives_is_none() -> None:
    class Mirrored(nn.Module):
        def forward(self, images: Tensor) -> Tensor:
            return images.flip(3)

    steps = trace_forward(nn.Sequential(Mirrored(), nn.Conv2d(3, 2, 3)), torch.randn(1, 3, 8, 8))
    assert [step.receptive_field for step in steps] == [None, None]
